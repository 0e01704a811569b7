"""What a unit of work does, for the systems written in Python; see systems/system.ts."""
import os
import random
import subprocess
import time

KIND = os.environ.get("BENCH_KIND", "instant")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
FOLDER = os.environ.get("BENCH_FOLDER", "")


def spin(rounds):
    x = 1
    for _ in range(rounds):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return x


def write(mark, index):
    with open(os.path.join(FOLDER, "trace"), "a") as trace:
        trace.write("%s %d %d\n" % (mark, index, os.getpid()))


def touch(index):
    subprocess.run(["touch", os.path.join(FOLDER, "%d.out" % index)], check=True)
    return index


def instant(index):
    return random.random()


def busy(index):
    return spin(ROUNDS)


def rare(index):
    spin(ROUNDS)
    x = random.random()
    return x if x < 0.01 else None


def slow(index):
    x, y = random.random(), random.random()
    time.sleep(0.02 * x)
    return x if y < 0.5 else None


def traced(index):
    write("s", index)
    time.sleep(0.1)
    write("e", index)
    return index


def evaluate(index):
    return globals()[KIND](index)
