"""Says what a sender can do with a file whose format is not read."""

from pathlib import PurePath

_TABLE = "save its table as CSV UTF-8 or as xlsx"
_UNPACK = "unpack it, and pack what is in it as zip or tar.gz"
_BY_PROGRAM = "export the table of reviews as CSV UTF-8 from the program that made it"

_ENDINGS = {
    ".pdf .ps .xps": "a printed page has no rows: export the reviews as CSV UTF-8 where it was made",
    ".doc .docx .odt .rtf .pages .ppt .pptx .odp": f"{_TABLE} from a spreadsheet, or each review as a .txt file",
    ".numbers .xlt .xltx .fods .gsheet .wks": f"{_TABLE} from the spreadsheet",
    ".htm .html .mht .mhtml .xml .xhtml": f"open it in a spreadsheet and {_TABLE}",
    ".yaml .yml": "write it as JSON into a .json file, by `yq -o=json .`, or by `yq .` where yq is that of Python",
    ".rar .7z .lzh .arj .cab .iso .dmg .jar .ar .deb .rpm": _UNPACK,
    ".lz4 .lz .lzma .z .br .sz .lzo": "unpack it, or compress it as .gz, .zst, .bz2 or .xz",
    ".db .sqlite .sqlite3 .duckdb .mdb .accdb .sql .dump": _BY_PROGRAM,
    ".sav .por .dta .sas7bdat .xpt .rds .rda .rdata .mat": _BY_PROGRAM,
    ".pkl .pickle .npy .npz .h5 .hdf5": "save it as Parquet or CSV UTF-8 from Python",
    ".png .jpg .jpeg .gif .heic .tif .tiff .webp": "a picture has no text: export the reviews as CSV UTF-8",
    ".dat .asc .out .log .md .text": "if it is a table with a header, call it .csv or .tsv; if it is one review, .txt",
}
_BY_ENDING = {ending: way for endings, way in _ENDINGS.items() for ending in endings.split()}

_COMPRESSIONS = {".gz", ".zst", ".bz2", ".xz"}
_COMPRESSED = "call it by what is in it too, such as .csv.gz; a zip or a workbook in it must be unpacked"

_CONTENTS = {
    "gzip": "add .gz to its name",
    "zstd": "add .zst to its name",
    "bzip2": "add .bz2 to its name",
    "xz": "add .xz to its name",
    "zip": "call it .xlsx if it is a workbook, else .zip",
    "OLE": "call it .xls if it is a workbook",
    "parquet": "call it .parquet",
    "ORC": "call it .orc",
    "arrow": "call it .feather",
    "avro": "call it .avro",
    "pdf": _BY_ENDING[".pdf"],
    "7z": _UNPACK,
    "rar": _UNPACK,
    "sqlite": _BY_PROGRAM,
}


def describe_unread(name: str) -> str:
    """Say of a file by the ending of its name that it is not read, and what to do with it."""
    ending = PurePath(name).suffix.lower()
    if ending in _COMPRESSIONS:
        return f"has no known ending: {_COMPRESSED}"
    if ending in _BY_ENDING:
        return f"ends with {ending}, which is not read: {_BY_ENDING[ending]}"
    return "has no known ending: save it as CSV UTF-8, with the name of its text column in the first row"


def suggest_for_content(found: str) -> str:
    """Return what to do with a file whose content begins as that of the format `found`."""
    return _CONTENTS.get(found, "save it as CSV UTF-8")
