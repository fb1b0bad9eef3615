#!/usr/bin/env python3
"""Writes the manual pages from what the program itself says: usage and options from --help, keys and columns from `list`.

usage: make_man.py DIRTYWALK OUTPUT_FOLDER"""

import json
import os
import pathlib
import re
import subprocess
import sys

WIDE = {**os.environ, "ARGP_HELP_FMT": "rmargin=240"}  # lines as they are meant: what reads the page fills them
COMMANDS = ["run", "check", "report", "show", "tables", "list", "trace info", "trace convert", "trace cut", "trace check",
            "trace gen", "trace merge"]


def ask(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=WIDE)
    return done.stdout if done.returncode == 0 else None


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def header(name, section, version):
    return f'.TH {name.upper()} {section} "" "dirtywalk {version}" "dirtywalk manual"\n'


def options(lines):
    """The option table of --help: a line that begins with a dash starts an option, deeper ones go on."""
    rows = []
    for line in lines:
        if re.match(r"  ( {4})?-", line) or re.match(r"      --", line):
            parts = re.split(r"\s{2,}", line.strip(), maxsplit=1)
            rows.append([parts[0], parts[1] if len(parts) > 1 else ""])
        elif rows and line.startswith(" " * 20):
            rows[-1][1] = (rows[-1][1] + " " + line.strip()).strip()
    return rows


def paragraphs(text):
    """Prose to be filled, and what is set in by two spaces as it is."""
    page = ""
    for paragraph in re.split(r"\n\n|\n(?=Commands$|Exit codes:)", text, flags=re.M):
        verbatim = re.search(r"^  ", paragraph, flags=re.M)
        page += (".PP\n.nf\n" if verbatim else ".PP\n") + escape(paragraph) + "\n" + (".fi\n" if verbatim else "")
    return page


def command_page(program, command, version):
    text = ask(program, *command.split(), "--help")
    if text is None:
        return None
    usage, *rest = text.split("\n")
    first = next((i for i, line in enumerate(rest) if re.match(r"\s+-", line)), len(rest))
    last = max((i for i, line in enumerate(rest) if re.match(r"\s+-", line) or line.startswith(" " * 20)), default=first)
    described, after = "\n".join(rest[:first]).strip(), "\n".join(rest[last + 1:]).strip()
    after = re.sub(r"^Mandatory or optional arguments.*?options\.", "", after, flags=re.S).strip()
    summary = re.split(r"(?<=[.:])\s", described.replace("\n", " "))[0].rstrip(".:")
    name = "dirtywalk-" + command.replace(" ", "-")
    page = header(name, 1, version)
    page += f".SH NAME\n{escape(name)} \\- {escape(summary[:1].lower() + summary[1:])}\n"
    page += f".SH SYNOPSIS\n.B {escape(usage.removeprefix('Usage: '))}\n.SH DESCRIPTION\n"
    page += paragraphs(described) + ".SH OPTIONS\n"
    for option, meaning in options(rest[first:last + 1]):
        page += f".TP\n.B {escape(option)}\n{escape(meaning)}\n"
    if after:
        page += f".SH NOTES\n{escape(after)}\n"
    return page + ".SH SEE ALSO\n.BR dirtywalk (1),\n.BR dirtywalk\\-experiment (5),\n.BR dirtywalk\\-results (5)\n"


def main_page(program, version, pages):
    text = ask(program, "--help")
    described = text.split("\n", 1)[1]
    page = header("dirtywalk", 1, version)
    page += ".SH NAME\ndirtywalk \\- replay recorded DMA traces through IOMMU page tables and dirty tracking\n"
    page += ".SH SYNOPSIS\n.B dirtywalk\n.I COMMAND\n.RI [ ARG ...]\n.SH DESCRIPTION\n" + paragraphs(described.strip())
    page += ".SH SEE ALSO\n" + ",\n".join(f".BR {escape(name)} (1)" for name in pages if name != "dirtywalk")
    return page + ",\n.BR dirtywalk\\-experiment (5),\n.BR dirtywalk\\-results (5)\n"


def rows_page(program, version, name, kind, title, intro, order):
    rows = json.loads(ask(program, "list", kind, "--json"))
    page = header(name, 5, version) + f".SH NAME\n{escape(name)} \\- {title}\n.SH DESCRIPTION\n{escape(intro)}\n.SH {kind.upper()}\n"
    for row in rows:
        facts = [f"{field.replace('_', ' ')}: {row[field]}" for field in order if row.get(field)]
        page += f".TP\n.B {escape(row['name'])}\n{escape(row['summary'])}.\n"
        page += escape(" ".join(fact + "." for fact in facts)) + "\n"
    return page + ".SH SEE ALSO\n.BR dirtywalk (1)\n"


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    version = ask(program, "--version").split()[1]
    folder.mkdir(parents=True, exist_ok=True)
    pages = {}
    for command in COMMANDS:
        page = command_page(program, command, version)
        if page:
            pages["dirtywalk-" + command.replace(" ", "-")] = page
    pages["dirtywalk"] = main_page(program, version, list(pages))
    for name, page in pages.items():
        (folder / f"{name}.1").write_text(page)
    (folder / "dirtywalk-experiment.5").write_text(rows_page(
        program, version, "dirtywalk-experiment", "keys", "keys of an experiment file",
        "An experiment is a YAML file: traces, one design, and lists under sweep: that multiply. These are the keys of a design; "
        "sections are those of semantics.md in the manual.",
        ["type", "default", "values", "used_by", "column", "section"]))
    (folder / "dirtywalk-results.5").write_text(rows_page(
        program, version, "dirtywalk-results", "columns", "columns of results.csv",
        "results.csv has one row per cell and trace: what identifies it, the parameters that vary, and these columns. "
        "Sections are those of semantics.md in the manual.",
        ["unit", "formula", "section"]))


if __name__ == "__main__":
    main()
