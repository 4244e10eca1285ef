/** What the bundler resolves and tsc does not: the native library of the chosen target (package.json "imports"). */
declare module "#native-library" {
  /** Path of the library file; inside a compiled binary a path only Bun can read. */
  const path: string;
  export default path;
}
