/** Files that the page holds, as their bytes. */
declare module '*.bin' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** The version of the library, which the bundler writes in. */
declare const VERSION: string;
