#!/usr/bin/env bash
# Trains spark on a machine with GPUs, in stages that each end on their own.
#
#   train.sh smoke             checks of the fast path, then 25 s of training on all GPUs, thrown away
#   train.sh try SECONDS       short whole runs side by side, each with another optimiser; `train` goes on with the best one's
#   train.sh train TOTAL STOP  goes on with the run of TOTAL training seconds, until STOP seconds of this call are over
#   train.sh finish            exports, answers and scores; writes what others need to $OUT
#   train.sh fetch N           the N-th four parts of the bf16 weights to $OUT (fold.py join puts them together)
#
# The first stage starts pack.py in the background, one process a core; it lives on between stages.
# OUT, GPUS, ROWS, WORKERS, PYTHON can be set from outside; TINY=--tiny tries the stages on a processor (not smoke.py itself).
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
OUT=${OUT:-build/out}
GPUS=${GPUS:-$(nvidia-smi --list-gpus 2>/dev/null | wc -l)}
ROWS=${ROWS:-8}
CORES=$(nproc)
WORKERS=${WORKERS:-$((CORES - 2 * GPUS > 1 ? CORES - 2 * GPUS : 1))}
DATA=build/data
SHARDS=${SHARDS:-6000}
DOCUMENTS=${DOCUMENTS:-2000}
export TORCHINDUCTOR_COMPILE_THREADS=8 OMP_NUM_THREADS=${OMP_NUM_THREADS:-4} PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false
mkdir -p build "$DATA" "$OUT"

# Starts the packers unless they run; waits until held-out rows and each rank's first shard are there.
packers() {
  if ! { [ -f build/packers.pid ] && kill -0 "$(head -1 build/packers.pid)" 2>/dev/null; }; then
    : > build/packers.pid
    for ((i = 0; i < WORKERS; i++)); do
      OMP_NUM_THREADS=1 setsid nohup nice -n 10 "$PYTHON" pack.py --part train --shards "$SHARDS" --documents "$DOCUMENTS" \
        --worker "$i" --workers "$WORKERS" --out "$DATA" >> "build/packer-$i.log" 2>&1 < /dev/null &
      echo $! >> build/packers.pid
    done
    [ -f "$DATA/valid-00000.npy" ] || "$PYTHON" pack.py --part valid --shards 1 --documents 2000 --out "$DATA"
  fi
  for ((i = 0; i < 600; i++)); do
    [ "$(find "$DATA" -name 'train-*.npy' ! -name '*.draft*' | wc -l)" -ge "$GPUS" ] && break
    if ((i % 50 == 49)); then echo "waiting for the first shards"; tail -n 2 build/packer-0.log; fi
    sleep 0.2
  done
  echo "shards: $(find "$DATA" -name 'train-*.npy' ! -name '*.draft*' | wc -l), $(du -sm "$DATA" | cut -f 1) MiB; last: $(tail -n 1 build/packer-0.log)"
}

# What `try` compares: the first is the baseline.
CHOICES=("--optimiser adamw" "--size 0.2" "--size 0.4" "--size 0.8")

trainer() {
  local choice=()
  if [ -f build/choice.txt ]; then read -ra choice < build/choice.txt; fi
  "$PYTHON" -m torch.distributed.run --master-addr 127.0.0.1 --master-port "${PORT:-29511}" --nproc-per-node "$GPUS" train.py --rows "$ROWS" ${TINY:-} "${choice[@]}" "$@"
}

# A few small files as one: $OUT takes few files.
bundle() {
  tar -cJf "$OUT/$1.tar.xz" -C build "${@:2}"
}

four_bits() {
  "$PYTHON" export.py --bits 4 --out build/spark-4bit ${1:+--checkpoint "$1"}
  cp build/spark-4bit/model*.safetensors "$OUT/"
}

score() {  # items, answers, name
  echo "== $3"
  "$PYTHON" grade.py --items "$1" --answers "$2" --out "build/scores/$3.json" | tee "build/scores/$3.txt"
}

case "${1:-}" in
  smoke)
    packers
    [ -n "${TINY:-}" ] || "$PYTHON" smoke.py --rows "$ROWS"
    rm -rf build/smoke
    trainer --seconds 25 --out build/smoke --measure-every 10
    packers
    ;;
  try)
    packers
    tries=()
    for i in "${!CHOICES[@]}"; do
      read -ra choice <<< "${CHOICES[i]}"
      rm -rf "build/try-$i"
      LOCAL_RANK=$((i % GPUS)) RANK=0 WORLD_SIZE=1 "$PYTHON" train.py --rows "$ROWS" ${TINY:-} --seconds "$2" --measure-every 1e9 --save-every 1e9 \
        --out "build/try-$i" "${choice[@]}" > "build/try-$i.log" 2>&1 &
      tries+=($!)
    done
    for pid in "${tries[@]}"; do wait "$pid" || echo "try $pid failed"; done
    for i in "${!CHOICES[@]}"; do
      loss=$(grep -o '"held_loss_4bit": [0-9.]*' "build/try-$i.log" | tail -n 1 | grep -o '[0-9.]*$' || echo 99)
      echo "$loss ${CHOICES[i]} $(grep -o '"tokens": [0-9]*' "build/try-$i.log" | tail -n 1)"
    done | sort -n | tee build/tried.txt
    head -n 1 build/tried.txt | sed -E 's/^[0-9.]+ //; s/ "tokens.*//' > build/choice.txt
    packers
    ;;
  train)
    packers
    trainer --seconds "$2" --stop-after "$3" ${4:+--weights "$4"}
    four_bits
    bundle run run/log.jsonl spark-4bit/config.json
    ls -l "$OUT"
    packers
    ;;
  finish)
    if [ -f build/packers.pid ]; then xargs -r kill < build/packers.pid 2>/dev/null || true; fi
    rm -rf build/answers build/scores build/fold
    mkdir -p build/answers build/scores
    four_bits &
    exporting=$!
    "$PYTHON" export.py --bits 16 --out build/spark-bf16
    "$PYTHON" export.py --from build/spark-bf16 --layout hf --out build/spark-hf
    wait "$exporting"
    on() { CUDA_VISIBLE_DEVICES=$(($1 % GPUS)) "$PYTHON" answer.py "${@:2}"; }
    held=suite/held-out.jsonl
    on 0 --engine torch --model build/spark-4bit --items $held --out build/answers/held-out-4bit.jsonl > build/answers/4bit.log 2>&1 &
    on 1 --engine transformers --half --model build/spark-hf --items $held --out build/answers/held-out-bf16-transformers.jsonl > build/answers/transformers.log 2>&1 &
    on 2 --engine torch --model build/spark-bf16 --items $held --out build/answers/held-out-bf16.jsonl > build/answers/bf16.log 2>&1 &
    on 3 --engine torch --model build/spark-4bit --items suite/valid.jsonl --out build/answers/valid-4bit.jsonl > build/answers/valid.log 2>&1 &
    "$PYTHON" fold.py pack build/spark-bf16 build/fold
    cp build/fold/manifest.json "$OUT/"
    wait
    tail -n 3 build/answers/*.log
    failed=0
    score suite/valid.jsonl build/answers/valid-4bit.jsonl valid-4bit || failed=1
    for name in 4bit bf16 bf16-transformers; do score $held "build/answers/held-out-$name.jsonl" "held-out-$name" || failed=1; done
    "$PYTHON" routing.py --model build/spark-4bit --data "$DATA" --out build/scores/routing.json || failed=1
    tar -cf build/spark-4bit-files.tar --exclude 'model*.safetensors' -C build/spark-4bit .
    bundle run run/log.jsonl spark-4bit-files.tar answers scores
    ls -l "$OUT" build/fold
    exit $failed
    ;;
  fetch)
    for ((i = 4 * $2 - 3; i <= 4 * $2; i++)); do
      part=$(printf 'build/fold/part-%02d' "$i")
      if [ -f "$part" ]; then cp "$part" "$OUT/"; else echo "no part $i"; fi
    done
    cp build/fold/manifest.json "$OUT/"
    ls -l "$OUT"
    ;;
  *)
    sed -n '2,12p' "$0"
    exit 2
    ;;
esac
