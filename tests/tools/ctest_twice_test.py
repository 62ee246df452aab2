#!/usr/bin/env python3
"""tools/ctest-twice, with the real ctest on tests that fail when they are told to."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "tools/ctest-twice"
# Fails at its first call, and says that it is one.
ONCE = "test -e $0 || { touch $0; echo 'the first time'; %s; exit 1; }"


class CtestTwice(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_with(self, *first, **scripts):
        """Exit status, the lines on stdout, and the log, of tests by name."""
        folder = Path(self.folder.name)
        with open(folder / "CTestTestfile.cmake", "w", encoding="utf-8") as file:
            for name, script in scripts.items():
                file.write(f'add_test({name} sh -c [==[{script}]==] "{folder}/{name}.was-here")\n')
                file.write(f'set_tests_properties({name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 20)\n')
        log = folder / "log"
        done = subprocess.run([PROGRAM, log, "--test-dir", folder, "--", "-j2", *first], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines(), log.read_text(encoding="utf-8")

    def test_what_passes_runs_once(self):
        status, lines, log = self.run_with(good="true", other="true")
        self.assertEqual((status, lines), (0, ["passed: good", "passed: other"]))
        self.assertEqual(log.count("Test project"), 1)

    def test_what_fails_twice_has_failed(self):
        status, lines, log = self.run_with(good="true", bad="echo as ever; false")
        self.assertEqual((status, lines), (1, ["failed: bad", "passed: good"]))
        self.assertEqual(log.count("as ever"), 2)

    def test_what_passes_the_second_time_is_flaky_and_its_first_output_is_kept(self):
        status, lines, log = self.run_with(good="true", unsteady=ONCE % "true")
        self.assertEqual((status, lines), (0, ["passed: good", "flaky: unsteady"]))
        self.assertIn("the first time", log)

    def test_what_crashes_once_is_flaky_too(self):
        self.assertEqual(self.run_with(crash=ONCE % "kill -SEGV $$")[:2], (0, ["flaky: crash"]))

    def test_a_report_of_a_sanitizer_is_never_tried_again(self):
        for report in ("WARNING: ThreadSanitizer: data race", "a.cpp:1:2: runtime error: signed integer overflow"):
            with self.subTest(report):
                self.folder.cleanup()
                Path(self.folder.name).mkdir()
                status, lines, log = self.run_with(race=ONCE % f"echo '{report}'")
                self.assertEqual((status, lines), (1, ["failed: race"]))
                self.assertEqual(log.count("Test project"), 1)

    def test_a_report_before_much_else_is_seen(self):
        many = "echo AddressSanitizer; i=0; while [ $i -lt 30000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done"
        self.assertEqual(self.run_with(noisy=ONCE % many)[:2], (1, ["failed: noisy"]))

    def test_only_what_failed_is_run_again_alone_and_without_the_first_arguments(self):
        _, lines, log = self.run_with("-R", "^(a|ab)$", a=ONCE % "true", ab="true", abc="false")
        self.assertEqual(lines, ["flaky: a", "passed: ab"])
        self.assertEqual(log.count("Start"), 3)

    def test_what_fails_the_second_time_with_a_report_has_failed(self):
        self.assertEqual(self.run_with(worse="test -e $0 && echo LeakSanitizer; touch $0; false")[:2], (1, ["failed: worse"]))

    def test_skipped_is_neither_passed_nor_failed(self):
        self.assertEqual(self.run_with(without="exit 77", good="true")[:2], (0, ["passed: good", "skipped: without"]))

    def test_a_program_that_is_not_there_has_failed(self):
        folder = Path(self.folder.name)
        (folder / "CTestTestfile.cmake").write_text('add_test(missing "/nowhere/program")\n', encoding="utf-8")
        done = subprocess.run([PROGRAM, folder / "log", "--test-dir", folder, "--"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, "failed: missing\n"))

    def test_no_tests_at_all_have_failed(self):
        self.assertEqual(self.run_with("--no-tests=error", "-R", "nothing", good="true")[:2], (1, ["failed: ctest"]))


if __name__ == "__main__":
    sys.exit(unittest.main())
