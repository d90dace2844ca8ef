#!/usr/bin/env bash
# Train on two hosts by Slurm, in a clone on a file system that both see: sbatch docs/cluster/slurm.sh
# params.yaml has train.backend: jax and train.processes: 2, one for each task below.
#SBATCH --job-name=darkroom
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
set -euo pipefail
source .venv/bin/activate

read -r first < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
export DARKROOM_COORDINATOR=$first:9876
# --wait: when dvc has nothing to train, the others would wait for it in vain. --kill-on-bad-exit: nor after an error.
srun --wait=30 --kill-on-bad-exit=1 bash -c '
    if [ "$SLURM_PROCID" = 0 ]; then
        exec dvc repro
    fi
    DARKROOM_PROCESS=$SLURM_PROCID exec python -m stages.train'
