"""What is expected, and what is seen of it."""


class Table:
    def __init__(self):
        self.passed = self.failed = 0

    def heading(self, text):
        print(f"\n{text}", flush=True)

    def note(self, text):
        print(f"       {text}", flush=True)

    def row(self, case, expected, seen):
        """One promise: `seen` is to equal `expected`."""
        good = seen == expected
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(f"  {'ok  ' if good else 'FAIL'} {case}", flush=True)
        if not good:
            print(f"       expected: {expected}\n       seen:     {seen}", flush=True)
