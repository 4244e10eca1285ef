// npm run generate: writes the generated bindings from zig/abi.
import { zigBuild } from "./lib/native.mjs";
import { main } from "./lib/project.mjs";

await main(() => zigBuild(["generate"]));
