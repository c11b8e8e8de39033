/** Ends the process with one line if its Node is too old for this package. */
/// <reference types="node" />
/// <reference lib="es2024" />
/// <reference lib="esnext.disposable" />
// All declarations of the package need these, and every entry imports this file.
export {}
