// A queue of long jobs shared out over the cores.
import { availableParallelism } from "node:os";

/**
 * Runs jobs `{ seconds, run }`, as many at once as there are cores, those expected to take the longest first, so that no
 * core waits for a long last one. `run` may resolve to further jobs, which its end makes possible.
 */
export function runQueue(jobs, workers = availableParallelism()) {
  const waiting = [...jobs];
  let busy = 0;
  return new Promise((resolve, reject) => {
    const start = () => {
      waiting.sort((a, b) => b.seconds - a.seconds);
      while (busy < workers && waiting.length > 0) {
        busy++;
        waiting.shift().run().then(ended, reject);
      }
      if (busy === 0) resolve();
    };
    const ended = (more = []) => {
      busy--;
      waiting.push(...more);
      start();
    };
    start();
  });
}
