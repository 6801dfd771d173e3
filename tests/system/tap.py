"""Test Anything Protocol for system tests: one line a test, read by automake's tap-driver and by people.

    @test
    def an_unknown_code_is_refused(): ...

    if __name__ == "__main__":
        main()

The name of the function is the name of the test.  A test fails with any exception; check() makes readable ones.
"""

import sys
import time
import traceback

_tests = []


def test(function):
    _tests.append(function)
    return function


def check(truth, text):
    if not truth:
        raise AssertionError(text)


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def until(fact, what, timeout=20.0):
    """Waits until fact() is true."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(0.01)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def main(setup=None, teardown=None, before=None):
    """Runs the tests of this file, in order; an argument names those to run by a part of their name.

    setup and teardown run once, before runs in front of each test."""
    pattern = sys.argv[1].replace(" ", "_") if len(sys.argv) > 1 else ""
    chosen = [t for t in _tests if pattern in t.__name__]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    try:
        if setup:
            setup()
        for number, function in enumerate(chosen, 1):
            name = function.__name__.replace("_", " ")
            try:
                if before:
                    before()
                function()
                print(f"ok {number} - {name}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    except Exception:
        print("Bail out! the servers did not start", flush=True)
        traceback.print_exc()
        failed += 1
    finally:
        if teardown:
            teardown()
    sys.exit(1 if failed else 0)
