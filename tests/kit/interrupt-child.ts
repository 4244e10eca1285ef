/** Takes interrupts as a command does and tells about them, until it is ended: for the tests of signals. */
import { onInterrupt } from "../../src/cli/interrupt.ts";

const interrupt = onInterrupt();
interrupt.signal.addEventListener("abort", () => console.log("first"));
console.log("ready");
setInterval(() => {}, 1 << 30); // keeps the process until a signal ends it
