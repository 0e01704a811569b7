import type { Positional } from './verb.ts';

/** The job that a command is about. */
export const JOB: Positional = {
  name: '<job>',
  help: 'unique prefix of a job’s id, its name, or its predecessor’s id',
};
