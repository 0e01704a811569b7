#!/bin/sh
# Twenty peers as a Slurm array job; each joins the mesh, works and goes when all jobs have ended.
# On a machine that runs a peer, once:   (umask 077; meshd invite > ~/.meshd-invite)
# Then on the login node:                sbatch meshd.slurm.sh
#SBATCH --job-name=meshd
#SBATCH --array=1-20
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:05:00
#SBATCH --signal=TERM@60

# The invite is a secret: it comes from the environment or a file, never as an argument.
if [ -z "${MESHD_INVITE:-}" ]; then
  MESHD_INVITE=$(cat "$HOME/.meshd-invite") || exit 2
fi
export MESHD_INVITE

# What a peer keeps lies on the node's own disk, and goes with the task.
state="${TMPDIR:-/tmp}/meshd-${SLURM_JOB_ID:-0}-${SLURM_ARRAY_TASK_ID:-0}"
trap 'rm -rf "$state"' EXIT
trap : TERM

# srun hands Slurm's SIGTERM on; meshd then gives its work back and ends within 25 s.
srun --ntasks=1 meshd join --home "$state" --slots "${SLURM_CPUS_PER_TASK:-1}" \
  --for 4h --idle-exit 30m --exit-when-done
