-- Which findings are open, each with its next step?
FROM findings WHERE state = 'open' ORDER BY number;
