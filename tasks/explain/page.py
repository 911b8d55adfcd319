"""What moved a score, as one HTML page that needs nothing else: no script, no font, no picture, no network.

Whatever a review holds is text there: it is escaped, characters that turn the direction of text are spelt out, and the
page's own policy lets a browser run and load nothing. What raises the score is blue on a straight line, what lowers it
orange on a wavy one, thicker and bolder the more it does, so that it reads in print and without colours too; the table
has the figures.
"""

import base64
import re
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from pathlib import Path

from tasks.explain.explanation import Explained, MovingWord, Piece, cut_pieces, write_signed
from tasks.explain.terminal import NOTHING_MOVES, describe_score, name_source
from tasks.support.wording import count, escape_controls

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1a1a1a; --soft: #5f5f5f; --rule: #c8c8c8;
  --raises: 0, 114, 178; --lowers: 230, 140, 0; --raises-line: #0072b2; --lowers-line: #b45f00; }
@media (prefers-color-scheme: dark) { :root { --page: #16181d; --ink: #ececec; --soft: #a6a6a6; --rule: #454a54;
  --raises: 86, 180, 233; --lowers: 230, 159, 0; --raises-line: #7cc4f0; --lowers-line: #f0b040; } }
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin-bottom: .25rem; }
.source { margin: 0; font-size: .875rem; color: var(--soft); overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; } caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--rule); text-align: right;
  font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: inherit; }
@media (max-width: 30rem) { th, td { padding: .25rem .4rem; } }
thead th:first-child { font-weight: bold; }
.review { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.unread, .soft { color: var(--soft); }
.unknown { color: var(--soft); font-style: italic; }
.r, .l { border-radius: .2em; padding: 0 .1em; text-underline-offset: .2em; text-decoration-skip-ink: none;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.r { text-decoration: underline solid var(--raises-line); } .l { text-decoration: underline wavy var(--lowers-line); }
.r1 { background: rgba(var(--raises), .12); } .l1 { background: rgba(var(--lowers), .14); }
.r2 { background: rgba(var(--raises), .24); } .l2 { background: rgba(var(--lowers), .28); }
.r3 { background: rgba(var(--raises), .38); } .l3 { background: rgba(var(--lowers), .44); }
.r1, .l1 { text-decoration-thickness: 1px; }
.r2, .l2 { text-decoration-thickness: 2px; font-weight: 600; }
.r3, .l3 { text-decoration-thickness: 3px; font-weight: 800; }
"""
_BREAK = re.compile(r"&lt;br[ \t\n]*/?&gt;", re.IGNORECASE)
"""As it stands in an escaped text."""
_POLICY = "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>What moved the score</h1>
<p class="source">{source}</p>
{facts}
<h2>The words that moved it most</h2>
{table}
<h2>The text</h2>
<p class="soft"><span class="r r2">Raises</span> the score, <span class="l l2">lowers</span> it: the bolder, the more.
<span class="unknown">Not known</span> to the model.</p>
{text}
<h2>What this can't tell</h2>
<p>Leave-one-out shows what moves the score, not why. Each word in turn was replaced by one that the model does not
know, and the text was scored again; a word's figure is the score with it minus the score without it, in logits. In the
table all occurrences of a word are left out together. Words act together, so the figures do not add up to the
score.</p>
</main>
</body>
</html>
"""
_TABLE = """<div class="scroll" role="region" tabindex="0" aria-label="The words that moved it most">
<table>
<caption>{caption}</caption>
<thead><tr><th scope="col">Word</th><th scope="col">In logits</th><th scope="col">Score without it</th>
<th scope="col">Times</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


def write_page(explained: Explained, top: int, path: Path) -> None:
    """Write the page with the `top` words that moved the score most; a file of that name is replaced."""
    path.write_text(draw_page(explained, top), "utf-8")


def draw_page(explained: Explained, top: int) -> str:
    """Give the page as HTML."""
    digest = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
    return _PAGE.format(
        policy=_POLICY.format(digest=digest),
        title=escape(f"What moved the score: {name_source(explained.source)}"),
        source=escape(name_source(explained.source)),
        style=_STYLE,
        facts="\n".join(f"<p>{escape(fact.strip())}</p>" for fact in describe_score(explained)[1:]),
        table=_draw_table(explained, top),
        text=_draw_text(explained),
    )


def _draw_table(explained: Explained, top: int) -> str:
    shown = explained.moving[:top]
    if not shown:
        return f"<p>{escape(NOTHING_MOVES)}</p>"
    caption = f"{len(shown):,} of {count(len(explained.moving), 'word')} that move the score"
    return _TABLE.format(caption=caption, rows="\n".join(map(_draw_row, shown)))


def _draw_row(word: MovingWord) -> str:
    raises = "r" if word.contribution > 0 else "l"
    figures = (
        write_signed(word.contribution, 2).replace("-", "−"),
        f"{word.score_without:.4f}",
        f"{word.times:,}",
    )
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    return f'<tr><th scope="row"><bdi class="{raises} {raises}1">{_escape(word.word)}</bdi></th>{cells}</tr>'


def _draw_text(explained: Explained) -> str:
    read = "".join(_draw_pieces(explained))
    drawn = f'<p class="review" lang="" dir="auto">{read}</p>'
    if not explained.unread_stop:
        return drawn
    unread = _escape_lines(explained.source.text[: explained.unread_stop])
    number = count(explained.words_in_text - len(explained.read), "word")
    return (
        f'<h3>Not read, the first {number}</h3>\n<p class="review unread" lang="" dir="auto">{unread}</p>\n'
        f"<h3>Read</h3>\n{drawn}"
    )


def _draw_pieces(explained: Explained) -> Iterator[str]:
    for piece in cut_pieces(explained):
        yield _draw_piece(piece)


def _draw_piece(piece: Piece) -> str:
    shown, word = _escape(piece.text), piece.word
    if word is None:
        return _escape_lines(piece.text)
    if not word.is_known:
        return f'<span class="unknown" title="not known to the model">{shown}</span>'
    if not word.level:
        return shown
    kind = "r" if word.contribution > 0 else "l"
    figure = write_signed(word.contribution, 2).replace("-", "−")
    return f'<span class="{kind} {kind}{word.level}" title="{figure}">{shown}</span>'


def _escape(text: str) -> str:
    """Give a text as HTML shows it, nothing in it obeyed; line ends and tabs stay."""
    return escape(escape_controls(text.replace("\r\n", "\n"), keep="\n\t"))


def _escape_lines(text: str) -> str:
    """Likewise; the one element of HTML that archives leave in texts, `<br />`, breaks the line as its writer meant."""
    return _BREAK.sub("<br>", _escape(text))
