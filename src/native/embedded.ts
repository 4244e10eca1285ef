/** The library file inside the compiled binary. Imported only there: in a checkout the file may not have been built. */
import path from "#native-library" with { type: "file" };

export const embeddedLibrary: string = path;
