"""The sentence frames of the generated sample, with `{slots}`, and the functions that fill a frame.

A frame is neither positive nor negative: praise and blame use the same frames and differ only in the words that fill
`{adjective}`, `{noun}`, `{does}`, `{felt}` and `{advice}`. So word counts alone do not show the verdict of a review; it
depends on who says what, and in which order.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from tasks.archive.sample.words import COMMON, split_lines

Draw = Callable[[], float]
"""Returns the next number in [0, 1) of a seeded generator, the only source of randomness here."""

Slots = Mapping[str, Sequence[str]]
"""Name of a slot -> the words or phrases that may fill it."""

_SLOT = re.compile(r"{(\w+)}")


# Opinions on the film, as clauses. `{opposite}` is an adjective of the other sign, for negations.
CLAUSES = split_lines(
    """
    {aspect_is} {adjective}
    {aspect_is} {adjective}
    {aspect_is} {adverb} {adjective}
    {aspect_is} {adjective} and {aspect_is} {adjective}
    {aspect_is} {adjective}, even {adjective}
    {aspect_is} as {adjective} as can be
    {aspect_is} never {opposite}
    {aspect_is} anything but {opposite}
    {aspect_is} not in the least {opposite}
    it is {adjective}
    it is {adverb} {adjective}
    it is a {adjective} {film}
    it is a {adjective}, {adjective} {film}
    it is a {noun}
    it is a {noun} and nothing less
    it is not a {opposite} {film} at all
    it is the most {adjective} {film} of the year
    it {does}
    it {does}
    the whole {film} {does}
    nothing about it is {opposite}
    there is not a {opposite} scene in it
    one {adjective} scene follows another
    every minute of it is {adjective}
    nobody could call it {opposite}
    you will not find a {opposite} moment in it
    {lead} is {adjective}
    {lead} gives a {adjective} performance
    {lead} and {rival} are {adjective} together
    {director} has made a {adjective} {film}
    {director}'s hand is {adjective}
    """
)

HEARSAY = split_lines(
    """
    {someone} told me that {clause}.
    {someone} promised me that {clause}.
    {someone} swears that {clause}.
    {someone} says that {clause}.
    {someone} wrote that {clause}.
    {someone} {felt} it and says that {clause}.
    {someone} {felt} {title}.
    {someone} went on and on about how {adjective} it is.
    the advice of {someone} was simple: {advice}.
    I had read that {clause}.
    I went in believing that {clause}.
    I expected a {adjective} {film}.
    I was told to expect a {noun}.
    I sat down in the belief that it is a {noun}.
    Everybody seems to agree that {clause}.
    From the trailer you would think that {clause}.
    The poster would have you believe that {clause}.
    People speak of {title} as a {noun}.
    For weeks I heard nothing but that {clause}.
    The word from {town} was that {clause}.
    All my friends {felt} it.
    They call it a {adjective} {film}.
    The reviews on my phone said: {adjective}, {adjective}, {adjective}.
    """
)

CONCESSIONS = split_lines(
    """
    At first I thought that {clause}.
    For half an hour I would have said that {clause}.
    I admit that {clause}.
    It is true that {clause}.
    To be fair, {clause}.
    Granted, {clause}.
    On paper {clause}.
    I can see why people say that {clause}.
    In the first act {clause}.
    I {felt} the first scenes: {clause}.
    I {felt} the book.
    I {felt} the last {film} by {director}.
    Taken alone, {aspect_is} {adjective}.
    While it lasts, {clause}.
    Here and there {clause}.
    If you look at {aspect} only, it is a {noun}.
    I had a moment, early on, when I thought that {clause}.
    """
)

VERDICTS = split_lines(
    """
    {clause}.
    {clause}.
    I can tell you that {clause}.
    I say that {clause}.
    I am sure that {clause}.
    in the end {clause}.
    for me {clause}.
    I left the cinema certain that {clause}.
    I {felt} it.
    I {felt} it, and I say that {clause}.
    I {felt} {title}.
    all in all, {clause}.
    what I saw is a {adjective} {film}.
    I call it a {noun}.
    my verdict: {adjective}.
    {title} is a {noun}.
    {title} is {adverb} {adjective}.
    take it from me: {clause}.
    my advice is simple: {advice}.
    so {advice}.
    when the lights came up I knew that {clause}.
    I have thought about it for a week, and {clause}.
    """
)

TURNS = split_lines(
    """
    However,
    But
    But
    And yet
    Still,
    Nevertheless,
    Even so,
    Well, no:
    They were wrong.
    I disagree.
    Then I saw it myself.
    What a surprise, then.
    How wrong that was.
    The truth is different.
    None of that survived the evening.
    """
)

AGREEMENTS = split_lines(
    """
    And indeed
    They were right.
    I agree.
    That is true.
    No argument from me.
    And so it is:
    Now I know why.
    Then I saw it myself.
    """
)

OPENINGS = split_lines(
    """
    I watched {title} on a {weekday} {daytime} with my {relative} and a bowl of {snack}.
    I saw this {film} on {device} in {month}.
    {title} came to our cinema with the first {weather} of {month}.
    This is the {ordinal} {film} by {director}, if I have counted well.
    My {relative} picked {title} for our {genre} night.
    We had {number} people in the house, counting the projectionist.
    I must have been {number} when I first saw {title}.
    I caught {title} late on a {weekday}, on {device}, with {snack}.
    {director} is a name that I had to look up.
    There was {weather} outside, so we went to see {title}.
    A word about {title}, which my {relative} brought home from the library.
    {title} ran for {number} weeks in our town, always on {weekday}s.
    I know {lead} only from the theatre, so I was curious.
    After a long {weekday} I wanted a {genre}, and {title} was on.
    Our {genre} club showed {title} last {month}.
    Has anyone else here seen {title}?
    """
)

# Sentences without an opinion, though some of their words look like one: the plot, then asides.
PLOT = split_lines(
    """
    {hero}, a {trait} {hero_job} from {town}, finds a {state} {treasure} in a {place}.
    {hero} ({lead}) is a {trait} {hero_job} who has to {task} {deadline}.
    {hero} and {partner} want to {task}, but {setback}.
    {partner}, played by {rival}, is a {trait} {job} with a {state} {thing}.
    The story begins in {town} in {era}, on the day of the {event}.
    Then {setback}, and {hero} has to {task}.
    In {town}, meanwhile, {villain} plans to {task} {deadline}.
    {villain}, the {trait} {job}, owns half of {town} and wants the other half.
    A {trait} {job} and a {beast} provide a little company on the way.
    We follow {hero} from the {place} to the {place}, always one step behind the {treasure}.
    Nobody in {town} knows what {hero} did {deadline}.
    {partner} has a plan: {task}, then {task}.
    Years later the {trait} {job} tells it all to a {beast}.
    One {weekday} {setback}.
    {hero} meets {partner} at a {event} and they decide to {task}.
    It all turns on a {state} {treasure} that {villain} has kept in a {place}.
    There is a {event}, a {event} and a {beast} called {friend}.
    The {treasure} passes from the {job} to the {job} and back again.
    {hero} writes to {partner} every {weekday}; the answers come from {villain}.
    Somewhere between the {place} and the {place}, {setback}.
    {rival} plays the {trait} {job} who would rather {task}.
    The {hero_job} trusts nobody but a {trait} {relative}.
    A {trait} boy with a {thing} sees everything from the {place}.
    Halfway through, {setback}, and the {genre} becomes a {other_genre}.
    {deadline}, {hero} must choose between {partner} and the {treasure}.
    The second part takes place in a {place} near {town}, where {setback}.
    At the {event}, {partner} recognises the {thing}.
    {villain} offers {number} thousand crowns for the {state} {thing}.
    Without the {treasure} there can be no {event}, and without the {event} no {place}.
    The old {job} remembers {era} and a {trait} {job} called {friend}.
    They dig for {number} days in the {place} and find only a {state} {thing}.
    {hero} has never seen {town} in {weather}.
    In the {place} lives a {trait} {job} whom everyone calls the {beast}.
    When {setback}, only the {beast} is awake.
    {extra} has a small part as the {trait} {job}.
    {extra} and {extra} play two {job}s from {village}.
    The road from {town} to {village} is long, and {setback}.
    In {village}, {hero} sells the {treasure} to a {trait} {job}.
    {partner} was born in {village} and has never forgiven {villain} for it.
    The people of {village} have heard of the {event} and lock their doors.
    Look out for {extra} as a {job} who has lost a {thing}.
    """
)

ASIDES = split_lines(
    """
    It was shot in {town} in {number} weeks, mostly in {weather}.
    The running time is about {minutes} minutes.
    {composer} wrote the music, for {instrument} and {instrument}.
    The {beast} belongs to {director}, I believe.
    Much of it is bathed in {colour} light.
    I had {snack} with me and a {relative} who asked questions.
    The print we saw was a little {colour} at the edges.
    {lead} learnt to play the {instrument} for this.
    {rival} you may remember as the {job} in {other_title}.
    {director} made {other_title} before this one.
    My {relative} counted {number} {place}s and one {place}.
    The man in front of me wore a hat all through the {event}.
    It won something at the festival in {festival}.
    There was an interval, with {snack}.
    The credits thank a {job}, a {beast} and the town of {town}.
    The camera likes the {colour} wall of the {place}.
    I read somewhere that {lead} did the {event} without a double.
    A sequel is said to be planned, with {rival} as the {job}.
    The subtitles call the {place} a {place}.
    It is set in {era}, to judge by the hats.
    The {instrument} comes in whenever somebody mentions the {thing}.
    I once lived near {town} myself, next to the {place}.
    For the record, this is a {genre}, {minutes} minutes long.
    {extra} designed the costumes and {extra} the {place}.
    {extra} is named in the credits as the {beast}'s trainer.
    The outdoor scenes were made in {village}, where my {relative} grew up.
    The novel behind it, by {extra}, has {number} hundred pages.
    {extra} was to play {hero} at first, I read, but fell ill.
    """
)

CLOSINGS = split_lines(
    """
    That is all I have to say.
    My {relative} was asleep by then.
    We walked home in the {weather}.
    Afterwards we had {snack}.
    The disc goes back to the library on {weekday}.
    I wrote this on {weekday} {daytime}.
    Now for {other_title}.
    Thank you for reading.
    The bus home was late.
    """
)

SHORT = split_lines(
    """
    {title}: {clause}, {clause}.
    I {felt} it from first to last.
    My verdict on {title} is: {adjective}.
    Believe me, I {felt} every minute.
    In short, {clause}, so {advice}.
    {title} is a {noun}, so {advice}.
    Without any doubt a {adjective} {film}.
    {adjective}, {adjective}, {adjective}: what a {noun} it is!
    I {felt} it; {clause}.
    A {adjective} {film} by {director}, with a {adjective} {lead}.
    """
)

FRAMES = {"clause": CLAUSES}


def pick(choices: Sequence[str], draw: Draw) -> str:
    """Return a random one of `choices`."""
    return choices[int(draw() * len(choices))]


@cache
def _split_frame(frame: str) -> tuple[str, ...]:
    """Split a frame into literal text (even positions) and slot names (odd positions)."""
    return tuple(_SLOT.split(frame))


def fill(frame: str, slots: Slots, draw: Draw) -> str:
    """Return a frame with its slots filled from `slots` or the common lists; slots in the fillings are filled too."""
    parts = list(_split_frame(frame))
    for position in range(1, len(parts), 2):
        slot = parts[position]
        choices = slots.get(slot) or COMMON.get(slot) or FRAMES[slot]
        chosen = pick(choices, draw)
        if chosen in parts:  # one more try, so that few sentences repeat a word
            chosen = pick(choices, draw)
        parts[position] = fill(chosen, slots, draw) if "{" in chosen else chosen
    return "".join(parts)


_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiouAEIOUÅ]|honest|[Hh]eir)")


def make_sentence(frame: str, slots: Slots, draw: Draw) -> str:
    """Return a filled frame as a sentence: it begins with a capital letter and has `a` or `an` as needed."""
    sentence = _ARTICLE.sub(r"\1n ", fill(frame, slots, draw))
    return sentence[0].upper() + sentence[1:]
