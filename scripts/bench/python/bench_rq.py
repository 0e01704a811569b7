"""Orders over RQ, and its worker: a process for each job, as is its default."""
import os
import sys
import time

from redis import Redis
from rq import Queue, Worker
from rq.job import Job

import bench_tasks

redis = Redis(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]))
queue = Queue("bench", connection=redis)


def run(indices):
    made = [Queue.prepare_data(bench_tasks.evaluate, args=(k,), result_ttl=600) for k in indices]
    jobs = queue.enqueue_many(made)
    waiting = [job.id for job in jobs]
    values = []
    while waiting:
        left = []
        for lo in range(0, len(waiting), 1000):
            part = waiting[lo : lo + 1000]
            for name, job in zip(part, Job.fetch_many(part, connection=redis)):
                if job is None or not job.is_finished:
                    left.append(name)
                else:
                    values.append(job.result)
        waiting = left
        time.sleep(0.02)
    return values


if __name__ == "__main__":
    Worker([queue], connection=redis).work(logging_level="ERROR")
    sys.exit(0)
