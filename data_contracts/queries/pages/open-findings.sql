-- What needs a person: which findings are open?
FROM findings WHERE state = 'open' ORDER BY number;
