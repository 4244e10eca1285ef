/**
 * Programs under a real memory limit that counts page cache (memory cgroup v1, as root), and what they used of it. Every run
 * gets a group of its own, which is removed with what it holds.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = "/sys/fs/cgroup/memory";

export interface GroupUse {
  /** Highest use of the group, page cache included. */
  maxBytes: number;
  /** How often the limit was hit: reclaim for one who maps files, a mistake for one who plans. */
  limitHits: number;
  /** Bytes of the group that were in swap at the end. */
  swapBytes: number;
  /** Killed for want of memory. */
  outOfMemoryKills: number;
}

export interface Finished {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Bytes the kernel read from disks for the program. */
  diskBytes: number;
  use: GroupUse;
}

export function memoryGroupsWork(): boolean {
  return process.getuid?.() === 0 && existsSync(join(root, "memory.limit_in_bytes"));
}

/** Null: counted, not limited. */
export async function runInGroup(command: string[], limitBytes: number | null): Promise<Finished> {
  const group = join(root, `flashmoe-bench-${process.pid}-${Date.now()}`);
  mkdirSync(group);
  try {
    if (limitBytes !== null) writeFileSync(join(group, "memory.limit_in_bytes"), String(limitBytes));
    // A process enters the group before it becomes the program, so that every byte it holds is counted.
    const entered = ["sh", "-c", `echo $$ > ${group}/cgroup.procs && exec "$@"`, "sh", ...command];
    const child = Bun.spawn(entered, { stdout: "pipe", stderr: "pipe", stdin: "ignore" });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exitCode, stdout, stderr, diskBytes: (child.resourceUsage()?.ops.in ?? 0) * 512, use: useOf(group) };
  } finally {
    writeFileSync(join(group, "memory.force_empty"), "0");
    rmdirSync(group);
  }
}

function useOf(group: string): GroupUse {
  const number = (file: string) => Number(readFileSync(join(group, file), "utf8"));
  const field = (file: string, name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(join(group, file), "utf8"))?.[1] ?? 0);
  return {
    maxBytes: number("memory.max_usage_in_bytes"),
    limitHits: number("memory.failcnt"),
    swapBytes: field("memory.stat", "swap"),
    outOfMemoryKills: field("memory.oom_control", "oom_kill"),
  };
}

/** Everything that can go from the page cache goes. */
export function dropPageCache(): void {
  Bun.spawnSync(["sync"]);
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

export function availableBytes(): number {
  return 1024 * Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0);
}
