import { type ChildProcess, execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { answers, freePort, isThere, Processes } from './processes.ts';
import { Redis } from './redis.ts';
import type { Bed, Kind, Order, Outcome, Running, Setting, System } from './system.ts';

/** Debian's own: its packages are for no other one on the path. */
const PYTHON = '/usr/bin/python3';
const FOLDER = fileURLToPath(new URL('../python/', import.meta.url));

/** What differs between systems in Python. */
interface Form {
  readonly name: string;
  readonly kinds: readonly Kind[];
  readonly apt: readonly string[];
  /** The file in scripts/bench/python that carries orders out. */
  readonly module: string;
  /** Packages of Python that it imports. */
  readonly imports: readonly string[];
  /** Starts servers and workers; returns the port of the hub, and the hub. */
  readonly serve?: (bed: Bed, processes: Processes, setting: Setting) => Promise<Hub>;
}

interface Hub {
  readonly port: number;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

function environment({ kind, folder, rounds, slots }: Setting, port: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...{ PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1', BENCH_KIND: kind },
    ...{ BENCH_FOLDER: folder, BENCH_PORT: String(port), BENCH_SLOTS: String(slots) },
    BENCH_ROUNDS: String(rounds.python),
  };
}

function python({ name, kinds, apt, module, imports, serve }: Form): System {
  return {
    ...{ name, language: 'python', kinds, apt, npm: [] },
    missing: () => {
      if (apt.includes('redis-server') && !isThere('redis-server')) return 'redis-server';
      const lost = imports.find((one) => !isThere(PYTHON, '-c', `import ${one}`));
      return lost === undefined ? null : `${lost} of ${PYTHON}`;
    },
    start: async (bed, setting) => {
      const processes = new Processes();
      const hub = await serve?.(bed, processes, setting);
      const child = processes.start(PYTHON, ['-u', `${FOLDER}drive.py`, module], {
        ...{ env: environment(setting, hub?.port ?? 0), cwd: bed.folder },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const run = new PythonRun(child, processes, hub);
      await run.answer();
      return run;
    },
  };
}

class PythonRun implements Running {
  readonly #child: ChildProcess;
  readonly #processes: Processes;
  readonly #hub: Hub | undefined;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess, processes: Processes, hub: Hub | undefined) {
    this.#child = child;
    this.#processes = processes;
    this.#hub = hub;
    if (child.stdout === null) throw new Error('no stdout');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line. @throws Error when there is none */
  async answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('its driver in Python has ended');
    return JSON.parse(value);
  }

  async run(order: Order): Promise<Outcome> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return (await this.answer()) as Outcome;
  }

  async killHub(): Promise<void> {
    await this.#hub?.kill();
  }

  async restartHub(): Promise<void> {
    await this.#hub?.restart();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#processes[Symbol.asyncDispose]();
  }
}

export const barePython: System = python({
  ...{ name: 'bare loop, Python', kinds: ['instant', 'busy', 'rare'], apt: [] },
  ...{ module: 'bench_bare', imports: [] },
});

export const celery: System = python({
  ...{ name: 'Redis, Celery', kinds: ['touch', 'instant', 'busy', 'traced'] },
  apt: ['redis-server', 'celery', 'python3-celery', 'python3-redis'],
  ...{ module: 'bench_celery', imports: ['celery', 'redis'] },
  serve: async (bed, processes, setting) => {
    const redis = await Redis.start(bed.folder, processes);
    const env = environment(setting, redis.port);
    const words = ['-m', 'celery', '-A', 'bench_celery', 'worker', '-P', 'prefork'];
    const args = [...words, '-c', String(setting.slots), '-l', 'ERROR'];
    processes.start(PYTHON, args, { env, cwd: bed.folder });
    return { port: redis.port, kill: () => redis.kill(), restart: () => redis.restart() };
  },
});

export const rq: System = python({
  ...{ name: 'Redis, RQ', kinds: ['touch', 'instant', 'busy', 'traced'] },
  apt: ['redis-server', 'python3-rq', 'python3-redis'],
  ...{ module: 'bench_rq', imports: ['rq', 'redis'] },
  serve: async (bed, processes, setting) => {
    const redis = await Redis.start(bed.folder, processes);
    const env = environment(setting, redis.port);
    for (let k = 0; k < setting.slots; k += 1) {
      processes.start(PYTHON, [`${FOLDER}bench_rq.py`], { env, cwd: bed.folder });
    }
    return { port: redis.port, kill: () => redis.kill(), restart: () => redis.restart() };
  },
});

export const dask: System = python({
  ...{ name: 'Dask distributed', kinds: ['touch', 'instant', 'busy', 'rare', 'slow', 'traced'] },
  ...{ apt: ['python3-distributed'], module: 'bench_dask', imports: ['distributed'] },
  serve: async (bed, processes, setting) => {
    const port = await freePort();
    const env = environment(setting, port);
    const address = ['--host', '127.0.0.1', '--port', String(port)];
    const serve = async (): Promise<ChildProcess> => {
      const args = ['-m', 'distributed.cli.dask_scheduler', ...address, '--no-dashboard'];
      const child = processes.start(PYTHON, args, { env, cwd: bed.folder });
      await answers(port);
      return child;
    };
    let scheduler = await serve();
    for (let k = 0; k < setting.slots; k += 1) {
      const words = ['-m', 'distributed.cli.dask_worker', `tcp://127.0.0.1:${port}`];
      const args = [...words, '--nthreads', '1', '--no-dashboard', '--host', '127.0.0.1'];
      processes.start(PYTHON, args, { env, cwd: bed.folder });
    }
    return {
      port,
      kill: () => processes.kill(scheduler),
      restart: async () => {
        scheduler = await serve();
      },
    };
  },
});

/** Steps of `spin` in a ms of processor time; 1 where there is no Python. */
export function pythonRounds(): number {
  try {
    const args = ['-u', `${FOLDER}drive.py`, 'calibrate'];
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
    return Number(execFileSync(PYTHON, args, { env, encoding: 'utf8' }));
  } catch {
    return 1;
  }
}
