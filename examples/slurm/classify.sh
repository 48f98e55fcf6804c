#!/bin/bash
# Classifies a collection in the tasks of a SLURM array, then joins their rows to one table:
#
#   jobid=$(sbatch --parsable --array=1-20 classify.sh /data/images /scratch/views.parquet)
#   sbatch --dependency=afterok:$jobid --wrap "cxrview join /scratch/views.parquet"
#
# Submit tasks that failed or were killed again, with the count of the first submission:
#   PARTS=20 sbatch --array=7,12 classify.sh /data/images /scratch/views.parquet
#
#SBATCH --job-name=cxrview
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=08:00:00
set -euo pipefail

images=$1
table=$2
parts=${PARTS:-$SLURM_ARRAY_TASK_COUNT}

cxrview classify "$images" -o "$table" --part "$SLURM_ARRAY_TASK_ID/$parts" \
    --jobs "$SLURM_CPUS_PER_TASK" --log "$table.jsonl" --quiet
