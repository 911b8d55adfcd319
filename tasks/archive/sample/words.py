"""The words and phrases of the generated sample. They are invented: none is meant to name a real film or person.

A list of words is written as one string of words, a list of phrases as one string with a phrase on each line. Phrases
may have `{slots}`, which `sentences.py` fills from the same lists.
"""

from collections.abc import Sequence


def _split_words(block: str) -> tuple[str, ...]:
    return tuple(block.split())


def split_lines(block: str) -> tuple[str, ...]:
    """Return the lines of a block of text, without the blanks around them."""
    return tuple(line.strip() for line in block.strip().split("\n"))


# Opinions: each table is keyed by sign (1 praise, -1 blame), then, where strength matters, by level (0 mild,
# 1 plain, 2 strong). Praise and blame have the same sentence frames, so that only these words tell them apart.

ADJECTIVES = {
    1: (
        _split_words(
            """
            pleasant decent likeable agreeable amusing watchable tidy enjoyable solid sweet
            breezy cheerful competent neat endearing diverting nice easygoing engaging sound
            respectable affable worthwhile handsome sunny genial harmonious good-natured
            well-meant companionable
            """
        ),
        _split_words(
            """
            good charming funny clever touching warm gripping lively smart witty stylish
            satisfying tender fresh graceful thoughtful absorbing inventive sharp lovely elegant
            delightful suspenseful compelling heartfelt rousing poignant vivid polished
            thrilling humane generous sparkling convincing intelligent entertaining
            """
        ),
        _split_words(
            """
            superb wonderful brilliant magnificent unforgettable stunning dazzling extraordinary
            glorious perfect masterful breathtaking sublime astonishing exquisite flawless
            spellbinding phenomenal outstanding remarkable terrific marvellous fantastic
            exceptional luminous splendid great beautiful excellent amazing
            """
        ),
    ),
    -1: (
        _split_words(
            """
            uneven forgettable slow thin bland predictable ordinary flat stale muddled overlong
            weak sluggish unremarkable tame shallow patchy mediocre lukewarm tired unconvincing
            half-hearted disappointing limp stiff aimless colourless so-so wordy vague
            """
        ),
        _split_words(
            """
            bad dull boring clumsy tedious lazy silly lifeless hollow confused annoying stilted
            wooden dreary charmless pointless cheap contrived witless joyless irritating leaden
            plodding sloppy soulless humourless poor tiresome preachy ugly grating senseless
            brainless dismal
            """
        ),
        _split_words(
            """
            terrible awful dreadful horrible unwatchable atrocious abysmal appalling
            insufferable wretched hideous ghastly excruciating laughable worthless disastrous
            pathetic insulting inept unbearable embarrassing miserable idiotic painful rotten
            horrendous disgraceful shameful woeful nauseating
            """
        ),
    ),
}

NOUNS = {
    1: (
        _split_words(
            """
            pleasure charmer diversion comfort surprise pastime sweetheart tonic
            """
        ),
        _split_words(
            """
            treat delight joy gem winner success find beauty crowd-pleaser
            """
        ),
        _split_words(
            """
            masterpiece triumph classic treasure wonder marvel miracle landmark knockout
            """
        ),
    ),
    -1: (
        _split_words(
            """
            letdown muddle misfire chore trifle disappointment jumble yawn
            """
        ),
        _split_words(
            """
            bore dud slog mess failure mistake drag waste nuisance turkey
            """
        ),
        _split_words(
            """
            disaster ordeal fiasco catastrophe wreck insult disgrace shambles travesty
            """
        ),
    ),
}

DOES = {
    1: split_lines(
        """
        works
        sparkles
        soars
        sings
        glows
        delivers
        never puts a foot wrong
        holds you from start to finish
        keeps its promises
        wins you over
        makes you laugh out loud
        moves you to tears
        stays with you for days
        grows on you
        gets under your skin
        flies by
        earns every tear
        deserves all its prizes
        lifts the heart
        gets everything right
        rewards your patience
        leaves you grinning
        """
    ),
    -1: split_lines(
        """
        drags
        falls flat
        collapses
        stumbles
        creaks
        sinks
        never gets going
        puts you to sleep
        breaks its promises
        loses you early
        makes you look at your watch
        wears you out
        goes nowhere
        is over long before it ends
        gets on your nerves
        runs out of steam
        begs for every tear
        deserves an empty house
        numbs the mind
        gets everything wrong
        tries your patience
        leaves you yawning
        """
    ),
}

FELT = {
    1: _split_words("loved adored enjoyed liked admired cherished relished"),
    -1: _split_words("hated loathed disliked detested endured regretted resented"),
}

ADVICE = {
    1: split_lines(
        """
        see it twice
        do not miss it
        buy the ticket
        take your whole family
        watch it tonight
        stay until the last credit
        give it a chance
        tell your friends
        clear an evening for it
        see it on the largest screen you can find
        """
    ),
    -1: split_lines(
        """
        avoid it
        save your money
        stay at home
        skip it
        read a book instead
        leave before the second act
        give it a miss
        warn your friends
        wash your hair instead
        let it sink without trace
        """
    ),
}

# Aspects of a film that a review judges; praise and blame use the same words.

_SINGULAR_ASPECTS = split_lines(
    """
    the acting
    the script
    the plot
    the dialogue
    the photography
    the music
    the editing
    the direction
    the pacing
    the ending
    the opening
    the humour
    the story
    the cast
    the camera work
    the lighting
    the sound
    the setting
    the romance
    the mystery
    the final act
    the middle part
    the second half
    the first hour
    the big chase
    the love story
    the narration
    the premise
    the atmosphere
    the make-up
    the stunt work
    the choreography
    the court scene
    the finale
    the lead performance
    the supporting cast
    the score
    the twist
    the use of colour
    the title song
    the wedding scene
    the banter
    the framing
    the voice-over
    """
)
_PLURAL_ASPECTS = split_lines(
    """
    the jokes
    the costumes
    the songs
    the effects
    the characters
    the villains
    the sets
    the fights
    the dances
    the flashbacks
    the child actors
    the landscapes
    the quiet moments
    the dream scenes
    the battle scenes
    the minor roles
    the crowd scenes
    the subplots
    the puppets
    the close-ups
    the love scenes
    the long silences
    """
)

_GENRES = _split_words(
    """
    comedy drama thriller western musical romance mystery fantasy adventure fable satire melodrama
    documentary farce epic whodunit cartoon heist
    """
)

COMMON = {
    "aspect": _SINGULAR_ASPECTS + _PLURAL_ASPECTS,
    "aspect_is": tuple(f"{aspect} is" for aspect in _SINGULAR_ASPECTS)
    + tuple(f"{aspect} are" for aspect in _PLURAL_ASPECTS),
    "adverb": _split_words(
        """
        very quite really rather simply truly thoroughly downright plainly remarkably surprisingly
        honestly consistently undeniably frankly curiously
        """
    ),
    "film": ("film", "film", "movie", "movie", "picture", "piece of cinema", "production", "{genre}"),
    "press": split_lines(
        """
        the local paper
        the evening paper
        the critic on the radio
        the festival programme
        the reviewer I usually trust
        the man in the ticket office
        the magazine at my dentist's
        the back of the box
        the advertisement on the bus
        the woman at the video shop
        my favourite website
        the usher at the door
        """
    ),
    "relative": _split_words(
        """
        brother sister mother father uncle aunt cousin nephew niece grandmother grandfather
        neighbour flatmate boss landlord dentist hairdresser roommate wife husband daughter son
        colleague tutor barber godmother
        """
    ),
    "someone": ("my {relative}", "my {relative}", "a friend from {pastime}", "my friend {friend}", "{press}"),
    "friend": _split_words(
        """
        Ada Basil Cleo Dorian Edda Felix Greta Hugo Ines Jasper Kit Lena Milo Nadia Otto Petra Rufus
        Sybil Tobias Uma Vera Wanda Yusuf Zoë René Åsa Chloë Jürgen
        """
    ),
    "pastime": _split_words(
        """
        work school choir chess football yoga college church pottery rowing orchestra fencing tennis
        judo knitting
        """
    ),
    "weekday": _split_words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "daytime": _split_words("morning afternoon evening night"),
    "month": _split_words(
        """
        January February March April May June July August September October November
        """
    ),
    "snack": _split_words(
        """
        popcorn crisps noodles grapes pretzels liquorice peanuts chocolate olives biscuits
        sandwiches dumplings cherries toast nachos soup marzipan almonds pancakes waffles
        """
    ),
    "device": split_lines(
        """
        an old television
        a borrowed projector
        my telephone
        a hotel screen
        a scratched disc
        a tape from the library
        the big screen
        a laptop
        a night train's tiny screen
        an open-air screen
        """
    ),
    "weather": _split_words("rain snow fog sunshine hail thunder drizzle sleet wind moonlight"),
    "ordinal": _split_words("first second third fourth fifth sixth seventh eighth ninth tenth"),
    "number": _split_words(
        """
        two three four five six seven eight nine ten eleven twelve fifteen twenty thirty
        """
    ),
    "minutes": _split_words("eighty ninety hundred seventy sixty-five eighty-five"),
    "genre": _GENRES,
    "other_genre": _GENRES,
    "job": _split_words(
        """
        baker sailor teacher detective doctor farmer singer lawyer soldier painter widow clockmaker
        thief gardener violinist nurse spy mechanic pilot butcher librarian tailor boxer carpenter
        journalist priest magician cook translator fisherman smuggler architect miner beekeeper
        juggler postman judge chemist dancer hunter locksmith photographer plumber poet sculptor
        shepherd surgeon weaver dentist bookbinder ferryman astronomer blacksmith barber banker
        clown coachman cartographer diver draper falconer glassblower goldsmith governess innkeeper
        jeweller midwife piper potter ranger saddler tinker undertaker watchman woodcutter
        """
    ),
    "trait": _split_words(
        """
        shy proud stubborn lonely clever retired ruined young ageing restless penniless honest
        ambitious absent-minded cynical cheerful bitter silent gentle reckless widowed famous
        forgotten nervous devout blind homesick jealous patient superstitious talkative wealthy
        frightened kind cruel charming dull handsome beautiful terrible wonderful brilliant
        miserable wretched splendid
        """
    ),
    "thing": _split_words(
        """
        letter diary map painting violin suitcase lantern ring locket compass photograph clock key
        coin umbrella telescope manuscript mirror trunk accordion carpet dagger necklace passport
        piano puppet recipe sewing-machine snuffbox teapot telegram ticket typewriter vase wardrobe
        will bicycle bell birdcage chessboard crown doll feather flute gramophone hat medal notebook
        parcel pearl pistol portrait radio scarf ship-in-a-bottle shoe tapestry
        """
    ),
    "state": _split_words(
        """
        stolen broken forged golden secret missing burnt rusty ancient priceless worthless cursed
        hidden borrowed painted silver wooden beautiful terrible hideous splendid mysterious
        nameless sealed torn buried
        """
    ),
    "place": _split_words(
        """
        lighthouse monastery circus hotel castle harbour farmhouse factory theatre prison hospital
        school mountain island desert village submarine railway library bakery cellar palace
        ballroom graveyard vineyard swamp canyon airfield quarry museum orphanage windmill
        greenhouse observatory tavern barracks laundry market mill forest bridge tunnel shipyard
        courtroom attic cathedral fairground casino brewery
        """
    ),
    "event": _split_words(
        """
        wedding funeral storm flood war election robbery duel carnival trial harvest earthquake
        strike regatta coronation blizzard shipwreck christening eclipse fire mutiny auction concert
        festival landslide engagement drought blackout siege picnic tournament kidnapping divorce
        parade avalanche
        """
    ),
    "task": split_lines(
        """
        cross the border
        find the missing {thing}
        save the {place}
        win back the {place}
        rob a bank
        solve a murder
        stop a {event}
        raise a child
        hide a fugitive
        rebuild the {place}
        escape from the {place}
        learn to dance
        climb the north face
        keep a secret
        outwit the {job}
        bring home the {thing}
        prove a {job} innocent
        cook for a king
        cross the ice on foot
        translate the {thing}
        forgive each other
        sell the {state} {thing}
        reach the coast
        smuggle a {thing} past the guards
        put on a play
        teach a {job} to read
        """
    ),
    "deadline": split_lines(
        """
        before the {event}
        before dawn
        before the money runs out
        by {weekday} {daytime}
        before the tide turns
        before winter comes
        while the {event} rages outside
        on the eve of the {event}
        within {number} days
        before anyone notices
        after the {event}
        """
    ),
    "setback": split_lines(
        """
        the {place} burns down
        a {trait} {job} arrives
        the {thing} turns out to be {state}
        somebody steals the {thing}
        the {event} begins
        {villain} returns
        the police close in
        nobody believes a word of it
        the bridge is gone
        an old love writes a letter
        the {job} talks
        it starts to snow
        {partner} falls ill
        {hero} loses the {thing}
        the power fails
        a stranger knocks
        """
    ),
    "era": split_lines(
        """
        the thirties
        the fifties
        the seventies
        the age of steam
        the last days of the empire
        the near future
        the year of the great {event}
        a summer long ago
        the days before the telephone
        wartime
        """
    ),
    "beast": _split_words(
        """
        dog cat parrot horse goat donkey raven monkey goose hedgehog owl ferret tortoise pig bear
        fox mule
        """
    ),
    "colour": _split_words(
        """
        green blue amber grey crimson golden violet ochre silver turquoise sepia
        """
    ),
    "instrument": _split_words(
        """
        piano cello trumpet harp organ banjo clarinet drum oboe mandolin choir
        """
    ),
}

# Invented names: a beginning, a middle, which may be empty, and an end are joined.

NAME_PARTS = {
    "first": (
        _split_words(
            """
            Bel Cor Dar El Fen Gar Hal Il Jor Kel Lor Mar Nor Or Per Quin Ros Sel Tam Ul Ver Wil
            Yor Zan
            """
        ),
        ("", "", *_split_words("am el ir on ur av ett")),
        _split_words("a an en ia is o on el ette ric wyn ena ius ora ick é ö"),
    ),
    "last": (
        _split_words(
            """
            Ash Brack Crow Dun Eld Farn Grim Hazel Inger Kest Lang Mill Nether Oak Pell Quill
            Rav Stone Thorn Under Vask Whit Yarrow
            """
        ),
        ("", "", *_split_words("er ing en el ers a")),
        _split_words(
            """
            burn ford ley man mere ridge sen son stad thwaite well wick worth ski ova ard
            """
        ),
    ),
    "town": (
        _split_words(
            """
            Var Osk Lun Pel Mor Tre Kal Sund Bryn Hest Ald Corv Fal Grun Ister Jask Welm
            """
        ),
        ("", "", *_split_words("en er is o am el un")),
        _split_words(
            """
            na mouth burg holm dale vik haven stead ilia mont gate ö ostok minster by
            """
        ),
    ),
}

TITLE_WORDS = {
    "title_adjective": _split_words(
        """
        Last Silent Crooked Golden Paper Winter Midnight Broken Distant Hollow Scarlet Borrowed
        Second Hidden Restless Velvet Burning Northern Patient Unwritten Salt Copper Sleeping
        Thirteenth Wandering Glass Forgotten Reluctant Invisible Electric Sunken Quiet
        """
    ),
    "title_noun": _split_words(
        """
        Lighthouse Orchard Letter Harbour Waltz Kingdom Ferry Garden Lantern Promise Sparrow
        Staircase Season Verdict Passenger Tailor Comet Carousel Inheritance Witness Suitcase Voyage
        Island Choir Mirror Border Snowfall Conductor Apprentice Avenue Balcony Cartographer Diamond
        Engine Fortune Glacier Heiress Interval Juggler Keyhole Labyrinth Masquerade Nightingale
        Outpost Pendulum Quarry Rendezvous Signal Threshold Understudy Vineyard Whisper
        """
    ),
}

TITLE_PATTERNS = split_lines(
    """
    The {title_adjective} {title_noun}
    The {title_adjective} {title_noun}
    The {title_noun} of {town}
    A {title_noun} for {hero}
    {hero} and the {title_noun}
    The {title_noun} and the {title_noun}
    Goodbye, {town}
    {title_adjective} {title_noun}
    Return to {town}
    The Road to {town}
    {hero}'s {title_noun}
    Beyond the {title_adjective} {title_noun}
    Meet Me in {town}
    No {title_noun} in {town}
    """
)


def list_opinion_words(sign: int, level: int) -> dict[str, Sequence[str]]:
    """Return the slots of an opinion: `sign` is 1 (praise) or -1 (blame), `level` 0 (mild) to 2 (strong)."""
    return {
        "adjective": ADJECTIVES[sign][level],
        "opposite": ADJECTIVES[-sign][level],
        "noun": NOUNS[sign][level],
        "does": DOES[sign],
        "felt": FELT[sign],
        "advice": ADVICE[sign],
    }
