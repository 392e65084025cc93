import { cp, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { WatchServer } from '../../src/cli/watchServer.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { contentOf, start } from './support.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const finished = new RunFolder(join(folder, 'runs', 'finished'));
const running = new RunFolder(join(folder, 'runs', 'stopped'));
const warnings: string[] = [];

let server: WatchServer;
let browser: Browser;
beforeAll(async () => {
  await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 2, batchSize: 42, lr: 1e-3, seed: 0 } as const;
  await ermRun({ data, out: finished.path, ...recipe, device: 'cpu', threads: 1, resume: false });
  // As a run is after its first epoch.
  await mkdir(running.path);
  for (const name of ['config.json', 'data.json'])
    await cp(join(finished.path, name), join(running.path, name));
  await cp(finished.epoch(1), running.epoch(1), { recursive: true });
  server = await WatchServer.open(join(folder, 'runs'), 0, { onWarning: (text) => warnings.push(text) });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://${server.address}${path}`, init);

test('answers on 127.0.0.1 alone, to its own name alone, and reads', async () => {
  const before = contentOf(folder);
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  const page = await ask('/');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(await page.text()).toContain('2 runs: 1 finished, 1 stopped.');
  expect((await ask('/', { method: 'POST', body: 'x' })).status).toBe(405);
  expect((await ask('/../../etc/passwd')).status).toBe(404);
  expect((await ask('/?run=../secret')).status).toBe(404);
  const answered = await new Promise<string>((done) => {
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1', () => {
      socket.end('GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    });
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => {
      done(text);
    });
  });
  expect(answered).toMatch(/^HTTP\/1\.1 403 /);
  // Another address of this machine.
  const elsewhere = await new Promise<string>((done) => {
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.2', () => {
      socket.destroy();
      done('answered');
    });
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      done(code);
    });
  });
  expect(elsewhere).toBe('ECONNREFUSED');
  expect(contentOf(folder)).toEqual(before);
  expect(warnings).toEqual([]);
});

test('a page follows the run: its state as it is, and the curves once there is an epoch more', async () => {
  const page = await browser.newPage();
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(`http://${server.address}/?run=stopped`);
  expect(await page.locator('#status').textContent()).toBe('stopped, epoch 1 of 2.');
  expect(await page.locator('#training .chart svg').count()).toBe(1);
  await page.locator('#pause').click();
  expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('true');
  await cp(finished.epoch(2), running.epoch(2), { recursive: true });
  await page.waitForTimeout(3000);
  expect(await page.locator('#status').textContent()).toBe('stopped, epoch 1 of 2.');
  await page.locator('#pause').click();
  await page.locator('#status', { hasText: 'epoch 2 of 2' }).waitFor({ timeout: 10_000 });
  expect(await page.locator('#groups tbody tr').count()).toBe(4);
  expect(said).toEqual([]);
  await page.close();
});

test.each([
  ['/', 1280],
  ['/', 360],
  ['/?run=finished', 1280],
  ['/?run=finished', 360],
] as const)(
  '%s at %d px: no message, no sideways scrolling, and axe finds nothing serious',
  async (path, width) => {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('request', (request) => {
      if (!request.url().startsWith(`http://${server.address}/`) && !request.url().startsWith('data:'))
        said.push(request.url());
    });
    await page.goto(`http://${server.address}${path}`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    await page.evaluate(await readFile(AXE, 'utf8'));
    const violations = await page.evaluate<string[]>(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 200)))",
    );
    expect([violations, said]).toEqual([[], []]);
    await page.close();
  },
);

test.each(['SIGINT', 'SIGHUP'] as const)('%s ends the command', async (signal) => {
  const watching = start(['report', '--watch', join(folder, 'runs')]);
  await watching.printed(/Ctrl-C ends it/);
  watching.signal(signal);
  const { exitCode, stdout } = await watching.outcome;
  expect([exitCode, stdout]).toEqual([
    0,
    expect.stringMatching(/^Watch it at http:\/\/127\.0\.0\.1:\d+\/\n$/),
  ]);
});

test('a port that is taken is named', async () => {
  const port = Number(server.address.split(':')[1]);
  await failure(WatchServer.open(join(folder, 'runs'), port, {}), 'USAGE', `\`port\` ${port} cannot be used`);
  await failure(WatchServer.open(join(folder, 'none'), 0, {}), 'RUN_NOT_FOUND', 'there is no such folder');
});
