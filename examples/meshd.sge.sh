#!/bin/sh
# Twenty peers as a Grid Engine array job; each joins the mesh, works and goes when all jobs have
# ended.
# On a machine that runs a peer, once:   (umask 077; meshd invite > ~/.meshd-invite)
# Then on the submit host:               qsub meshd.sge.sh
#$ -N meshd
#$ -S /bin/sh
#$ -t 1-20
#$ -pe smp 4
#$ -l h_rt=04:05:00
#$ -notify

# The invite is a secret: it comes from a file. What `qsub -v` sets, others see by `qstat -j`.
if [ -z "${MESHD_INVITE:-}" ]; then
  MESHD_INVITE=$(cat "$HOME/.meshd-invite") || exit 2
fi
export MESHD_INVITE

# What a peer keeps lies on the node's own disk, and goes with the task.
state="${TMPDIR:-/tmp}/meshd-${JOB_ID:-0}-${SGE_TASK_ID:-0}"
trap 'rm -rf "$state"' EXIT

# Grid Engine tells of the end by SIGUSR2 to the process group: the peer is in one of its own, and
# is told by SIGTERM. It then gives its work back and ends within 25 s.
setsid meshd join --home "$state" --slots "${NSLOTS:-1}" \
  --for 4h --idle-exit 30m --exit-when-done &
peer=$!
trap 'kill -TERM "$peer"' USR2 TERM
trap : USR1
wait "$peer"
code=$?
# A signal ends the wait before the peer has ended.
while kill -0 "$peer" 2>/dev/null; do
  wait "$peer"
  code=$?
done
exit "$code"
