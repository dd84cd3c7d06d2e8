"""Fails if a test was skipped that continuous integration must run.

    python3 .ci/skips.py RESULTS ALLOWED

RESULTS is the folder with go.json (test2json events, as gotestsum keeps them)
and node.log (the output of Node's test runner); ALLOWED lists the skips that
are allowed. Prints every skipped test with its reason. Fails too if one of the
runners left no result, or ran nothing.
"""

import fnmatch
import json
import pathlib
import re
import sys


def main(results, allowed_file):
    allowed = list(read_allowed(allowed_file))
    faults = 0
    for runner, read in (("go", read_go), ("node", read_node)):
        try:
            ran, skips = read(pathlib.Path(results))
        except FileNotFoundError as error:
            print(f"{runner}: no result: {error.filename} does not exist")
            faults += 1
            continue
        print(f"{runner}: {ran} tests ran, {len(skips)} skipped")
        if ran == 0:
            faults += 1
        for where, test, reason in skips:
            why = is_allowed(allowed, runner, where, test)
            faults += why is None
            verdict = f"allowed: {why}" if why is not None else "NOT ALLOWED"
            print(f"  skipped ({verdict}): {where} {test}: {reason}")
    return 1 if faults else 0


def read_allowed(path):
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition(" # ")
        fields = entry.split(maxsplit=2)
        if len(fields) != 3 or not reason.strip():
            sys.exit(f"{path}:{number}: write RUNNER PACKAGE TEST  # reason")
        yield fields[0], fields[1], fields[2].strip(), reason.strip()


def is_allowed(allowed, runner, where, test):
    for its_runner, its_where, its_test, reason in allowed:
        if its_runner == runner and fnmatch.fnmatchcase(where, its_where) and fnmatch.fnmatchcase(test, its_test):
            return reason
    return None


def read_go(results):
    """Number of tests that ran to an end, and (package, test, reason) skipped."""
    ran, skips, output = 0, [], {}
    with open(results / "go.json") as events:
        for line in events:
            event = json.loads(line)
            test = (event.get("Package", ""), event.get("Test", ""))
            if not test[1]:
                continue  # of a whole package: one without tests is "skipped"
            action = event["Action"]
            if action == "output":
                output.setdefault(test, []).append(event["Output"].strip())
            elif action in ("pass", "fail"):
                ran += 1
                output.pop(test, None)
            elif action == "skip":
                skips.append((*test, reason_of(output.pop(test, []))))
    return ran, skips


def reason_of(lines):
    """The text that the test gave: what is no line of the runner itself."""
    text = " ".join(l for l in lines if l and not re.match(r"(=== |--- )", l))
    return text or "no reason given"


# A skipped test in the runner's TAP format, and in its spec format.
NODE_SKIP = re.compile(r"\s*ok \d+ - (?P<test>.+?) # SKIP ?(?P<reason>.*)|\s*﹣ (?P<test2>.+?) \([\d.]+ms\) # (?P<reason2>.*)")


def read_node(results):
    """The same of Node's runner, in its spec and TAP formats."""
    ran, counted, skips = 0, 0, []
    for line in open(results / "node.log", encoding="utf-8"):
        if match := re.match(r"(?:#|ℹ) (pass|fail|skipped) (\d+)", line):
            if match[1] == "skipped":
                counted += int(match[2])
            else:
                ran += int(match[2])
        elif match := NODE_SKIP.match(line):
            reason = (match["reason"] or match["reason2"] or "").removeprefix("SKIP").strip()
            skips.append(("-", match["test"] or match["test2"], reason or "no reason given"))
    for _ in range(counted - len(skips)):
        skips.append(("-", "?", "the runner counts it and does not name it"))
    return ran, skips


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
