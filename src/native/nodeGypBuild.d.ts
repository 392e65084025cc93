/** The part of node-gyp-build that is used. It brings no types of its own. */
declare module 'node-gyp-build' {
  const nodeGypBuild: {
    /** The addon in `<folder>/prebuilds/<platform>-<arch>/` whose file name fits this C library. Throws where none does. */
    path(folder: string): string;
  };
  export default nodeGypBuild;
}
