"""How much CPU time reading a workbook (xlsx) takes, beside Calamine alone, the library that parses it.

    python -m benchmarks.workbooks ARCHIVE [--megabytes 8] [--runs 24]

ARCHIVE is the archive from Stanford; its reviews are written with two and eight columns. Calamine alone opens the
workbook and makes the Python values of each row. The reader also unpacks it once to check its size and checksums, takes
each cell as a person sees it, decides what each column is, and checks each value. Both read in turns, as in
`benchmarks/reading.py`. Prints a Markdown table; a ratio of 2 means half the speed of the library. Linux only.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.reading import LAYOUTS, OURS, ROOT, compare, make_rows, print_head
from tasks.archive.reader import read_archive
from tests.support.workbook_builders import write_xlsx

LIBRARY = """
from python_calamine import CalamineWorkbook

def count_rows(path):
    with path.open("rb") as file:
        sheet = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
        return sum(1 for row in sheet.iter_rows()) - 1
"""


def main() -> None:
    """Write the workbooks, read each in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--megabytes", type=float, default=8, help="the texts of each workbook, unpacked")
    parser.add_argument("--runs", type=int, default=24)
    arguments = parser.parse_args()
    texts = [text for folder in read_archive(arguments.archive).folders for text in folder.texts.to_pylist()]
    rows = list(make_rows(texts, arguments.megabytes * 1e6))
    print_head(arguments.megabytes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reviews.xlsx")
        for layout, columns in LAYOUTS.items():
            grid = [list(columns), *([row[name] for name in columns] for row in rows)]
            path.write_bytes(write_xlsx({"Reviews": grid}))
            print(
                f"| xlsx, {layout} | {compare(path, (ROOT, OURS), (ROOT, LIBRARY), arguments.runs)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
