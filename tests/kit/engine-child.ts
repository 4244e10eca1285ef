/**
 * A program of its own that uses an engine, for tests of what happens to a process: `engine-child.ts SCENARIO DIRECTORY`.
 * Prints JSON lines. Long steps come from a big prompt chunk on the scalar level.
 */
import { FlashMoE, FlashmoeError, isEngineWorker } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import { traceCounts } from "../../src/native/trace.ts";

const say = (value: unknown) => console.log(JSON.stringify(value));
const prompt = (length: number) => Array.from({ length }, (_, i) => (i * 53 + 7) % 320);
const calls = () => Object.fromEntries([...traceCounts()].map(([name, count]) => [name, count.calls]));

const scenarios: Record<string, (directory: string) => Promise<void>> = {
  /** Counts crossings of a prompt and of tokens. */
  async budget(directory) {
    const model = await FlashMoE.open(await describeModel(directory), { context: 256, chunkTokens: 16 });
    const session = await model.createSession();
    const before = calls();
    await session.prefill(prompt(100));
    const fed = calls();
    for await (const _ of session.generate({ maxTokens: 30 })) {
    }
    const generated = calls();
    for await (const _ of session.generate({ prompt: prompt(33), maxTokens: 5 })) {
    }
    say({ before, fed, generated, both: calls() });
    await model.close();
    say({ closed: calls() });
  },

  /** Leaves the engine open and idle: the process must end by itself. */
  async idle(directory) {
    const model = await FlashMoE.open(await describeModel(directory), { context: 64 });
    const session = await model.createSession();
    await session.prefill(prompt(10));
    say({ position: session.position });
  },

  /** Ends the process in the middle of a step. */
  async exit(directory) {
    const model = await FlashMoE.open(await describeModel(directory), longStep);
    const session = await model.createSession();
    void session.prefill(prompt(4000)).then(() => say({ finished: true }));
    setTimeout(() => process.exit(7), 30);
  },

  /** Closes the model in the middle of a step; ends by itself. */
  async close(directory) {
    const model = await FlashMoE.open(await describeModel(directory), longStep);
    const session = await model.createSession();
    const running = session.prefill(prompt(4000)).then(
      () => "finished",
      (error: unknown) => (error instanceof FlashmoeError ? error.code : String(error)),
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    await model.close();
    say({ outcome: await running });
  },

  /** An error nobody catches ends the process although an engine is open. */
  async crash(directory) {
    const model = await FlashMoE.open(await describeModel(directory), { context: 64 });
    await model.createSession();
    throw new Error("nobody catches this");
  },
};

const longStep = { context: 4096, chunkTokens: 4096, cpuLevel: "scalar", threads: 1 } as const;

if (!isEngineWorker) {
  const [scenario = "", directory = ""] = process.argv.slice(2);
  const run = scenarios[scenario];
  if (run === undefined) throw new Error(`no scenario ${scenario}`);
  await run(directory);
}
