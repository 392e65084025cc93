// Runs the command lines that it is sent, one after the other, in this process: the modules and libtorch are loaded once.
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { run } from '../../dist/cli/main.js';

// Each command line listens for the end of its readers.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);

/** Keeps what is written instead of writing it. */
function captured(stream) {
  const chunks = [];
  stream.write = (chunk, ...rest) => {
    chunks.push(Buffer.from(chunk));
    rest.find((one) => typeof one === 'function')?.();
    return true;
  };
  return () => Buffer.concat(chunks.splice(0)).toString();
}
const stdout = captured(process.stdout);
const stderr = captured(process.stderr);

process.on('message', async (args) => {
  process.exitCode = undefined;
  let thrown = '';
  try {
    await run([process.execPath, 'spurmem', ...args]);
  } catch (error) {
    thrown = `Unexpected error: ${error.stack}`;
  }
  const exitCode = thrown === '' ? (process.exitCode ?? 0) : 1;
  process.exitCode = undefined;
  process.send({ exitCode, stdout: stdout(), stderr: stderr() + thrown });
});
