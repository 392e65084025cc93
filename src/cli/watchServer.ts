import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { type FollowedRun, followedRuns, versionOf } from '../report/watch/follow.js';
import { runPage, runsPage, statusText } from '../report/watch/page.js';
import { RunFolder } from '../train/runFolder.js';

/** The only address that is served: pages for this machine's users. */
const ADDRESS = '127.0.0.1';

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

interface Answer {
  readonly status: number;
  readonly type: 'text/html' | 'application/json' | 'text/plain';
  readonly body: string;
}

/** Pages of the runs in a folder. They are read as they are asked for; nothing is written. */
export class WatchServer {
  readonly #folder: string;
  readonly #options: Pick<JobOptions, 'onWarning'>;
  /** The pages that were drawn last, by what they show. */
  readonly #drawn = new Map<string, { readonly version: string; readonly page: Promise<string> }>();

  private constructor(
    folder: string,
    readonly address: string,
    options: Pick<JobOptions, 'onWarning'>,
    private readonly server: Server,
  ) {
    this.#folder = resolve(folder);
    this.#options = options;
  }

  /**
   * Serves a run's folder, or one with runs below it, until it is closed.
   *
   * @param port 0: any that is free
   * @throws `RUN_NOT_FOUND` where there is no such folder, and `USAGE` for a port that is taken
   */
  static async open(
    folder: string,
    port: number,
    options: Pick<JobOptions, 'onWarning'>,
  ): Promise<WatchServer> {
    await followedRuns(folder, options);
    const server = createServer();
    await listen(server, port);
    const watch = new WatchServer(
      folder,
      `${ADDRESS}:${(server.address() as AddressInfo).port}`,
      options,
      server,
    );
    server.on('request', (request, response) => void watch.#respond(request, response));
    return watch;
  }

  close(): Promise<void> {
    return new Promise((done) => {
      this.server.close(() => {
        done();
      });
      this.server.closeAllConnections();
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#answer(request).catch((error: unknown): Answer => {
      const isKnown = error instanceof SpurmemError;
      return { status: isKnown ? 404 : 500, type: 'text/plain', body: messageOf(error) };
    });
    response.writeHead(status, { ...HEADERS, 'Content-Type': `${type}; charset=utf-8` });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer({ method, url = '/', headers }: IncomingMessage): Promise<Answer> {
    // A name that someone else's server points here would let its pages read these.
    if (headers.host !== this.address && headers.host !== this.address.replace(ADDRESS, 'localhost'))
      return { status: 403, type: 'text/plain', body: `This is http://${this.address}/.` };
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, type: 'text/plain', body: 'Pages are read, and nothing is written.' };
    const { pathname, searchParams } = new URL(url, `http://${this.address}`);
    if (pathname !== '/' && pathname !== '/state')
      return { status: 404, type: 'text/plain', body: 'There is no such page.' };
    const asked = searchParams.get('run');
    const all = await followedRuns(this.#folder, this.#options);
    const shown = asked === null ? all : all.filter(({ run }) => run === asked);
    if (asked !== null && shown.length === 0)
      return { status: 404, type: 'text/plain', body: 'There is no such run.' };
    const version = versionOf(shown);
    if (pathname === '/state')
      return {
        status: 200,
        type: 'application/json',
        body: JSON.stringify({ version, text: statusText(shown) }),
      };
    return { status: 200, type: 'text/html', body: await this.#page(asked ?? '', shown, version) };
  }

  #page(key: string, shown: readonly FollowedRun[], version: string): Promise<string> {
    const known = this.#drawn.get(key);
    if (known?.version === version) return known.page;
    const page = this.#draw(shown, version);
    this.#drawn.set(key, { version, page });
    return page;
  }

  async #draw(shown: readonly FollowedRun[], version: string): Promise<string> {
    const [only, ...others] = shown;
    return only !== undefined && others.length === 0
      ? runPage(only, await new RunFolder(only.path).readData(), version)
      : runsPage(shown, this.#folder, version);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error) => {
      if (systemCode(error) !== 'EADDRINUSE' && systemCode(error) !== 'EACCES') fail(error);
      else {
        const problem = `\`port\` ${port} cannot be used: ${messageOf(error)}.`;
        fail(
          new SpurmemError('USAGE', problem, {
            parameter: 'port',
            value: port,
            advice: ['Leave `port` out: a free one is taken.'],
          }),
        );
      }
    });
    server.listen(port, ADDRESS, done);
  });
}
