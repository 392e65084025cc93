/** jest's globalTeardown. */
export default function stop() {
  globalThis.stopPythonServer();
}
