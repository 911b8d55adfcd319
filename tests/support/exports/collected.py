"""All generated exports."""

from tests.support.exports import dumps, feeds, films, office, shops, surveys
from tests.support.exports.made_up import Export

EXPORTS = [
    each
    for module in (shops, films, surveys, feeds, dumps, office)
    for each in vars(module).values()
    if isinstance(each, Export)
]
