import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './ports';
import { until, within } from './until';

interface Ready {
  url: string;
  gateway_url: string | null;
  claim_code: string | null;
  pid: number;
}

/** How a node starts. */
export interface Way {
  /** Where it belongs to; without one its super node is in its own process. */
  network?: Super;
  /** What its config.json says. */
  config?: unknown;
}

/** A node on this machine: pc2d with a data directory of its own. */
export class Pc2 {
  url = '';
  claim: string | null = null;
  /** The address that the world knows. */
  gateway: string | null = null;
  readonly #dir = mkdtempSync(join(tmpdir(), 'pc2-node-'));
  #process: ChildProcess | null = null;

  private constructor(
    private readonly name: string,
    private readonly profile: string,
  ) {}

  static async start(name: string, { network, config }: Way = {}): Promise<Pc2> {
    const pc2 = new Pc2(name, network?.profile ?? 'local');
    // Ports of its own, which nobody takes while it is stopped.
    const [web = 0, http = 0, proxy = 0] = await freePorts(3);
    if (!network) {
      mkdirSync(join(pc2.data, 'super'), { recursive: true, mode: 0o700 });
      writeFileSync(join(pc2.data, 'super', 'ports.json'), JSON.stringify({ http, proxy }));
    }
    if (config) {
      mkdirSync(pc2.data, { recursive: true, mode: 0o700 });
      writeFileSync(join(pc2.data, 'config.json'), JSON.stringify(config));
    }
    await pc2.start(`127.0.0.1:${web}`);
    return pc2;
  }

  /** After kill9: the same data at the same address. */
  async again(): Promise<void> {
    await this.start(new URL(this.url).host);
  }

  async start(listen: string): Promise<void> {
    const ready = join(this.#dir, 'ready.json');
    rmSync(ready, { force: true });
    const args = ['serve', '--data', this.data, '--listen', listen, '--profile', this.profile, ...(this.name ? ['--name', this.name] : []), '--ready-file', ready];
    this.#process = await begin('PC2D', args, this.logFile, ready);
    const told = JSON.parse(readFileSync(ready, 'utf8')) as Ready;
    this.url = told.url;
    this.claim = told.claim_code;
    this.gateway = told.gateway_url;
  }

  /** The address that PC2 prints, as a person copies it. */
  get printed(): string {
    const address = /http:\/\/\S+\/#claim=\S+/.exec(this.log())?.[0];
    if (!address) throw new Error(`no address with a claim code was printed\n${this.log()}`);
    return address;
  }

  get logFile(): string {
    return join(this.#dir, 'log');
  }

  /** Where its files are. */
  get data(): string {
    return join(this.#dir, 'data');
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** As if the power went: no handler runs, nothing is flushed. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stands still in the middle of whatever it does, and goes on. */
  async freeze(): Promise<void> {
    this.#process?.kill('SIGSTOP');
    // On a busy machine its threads run on until one of them has taken the signal.
    const threads = `/proc/${this.#process?.pid}/task`;
    if (!existsSync('/proc/self/task')) return;
    await until('the node stands still', () => readdirSync(threads).every((id) => /\) T /.test(readFileSync(join(threads, id, 'stat'), 'utf8'))));
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = null;
    await end(child, signal);
  }
}

interface SuperReady {
  node_id: string;
}

/** A super node in a process of its own, so that it can be gone while nodes are there. Loopback only. */
export class Super {
  /** The file that a node needs to belong to it. */
  readonly profile: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'pc2-super-'));
  #ports: number[] = [];
  #process: ChildProcess | null = null;

  private constructor() {
    this.profile = join(this.#dir, 'profile.json');
  }

  static async start(): Promise<Super> {
    const node = new Super();
    node.#ports = await freePorts(2);
    await node.start();
    return node;
  }

  /** Also after `stop`: same key, names and ports. */
  async start(): Promise<void> {
    const ready = join(this.#dir, 'ready.json');
    rmSync(ready, { force: true });
    const [http, proxy] = this.#ports;
    const where = ['--domain', 'localhost', '--scheme', 'http', '--public-host', '127.0.0.1', '--http', `127.0.0.1:${http}`, '--proxy', `127.0.0.1:${proxy}`];
    const args = ['serve', '--data', join(this.#dir, 'data'), ...where, '--ready-file', ready];
    this.#process = await begin('PC2SUPER', args, this.logFile, ready);
    const told = JSON.parse(readFileSync(ready, 'utf8')) as SuperReady;
    const profile = {
      name: 'story',
      domain: 'localhost',
      scheme: 'http',
      gateway_port: http,
      super_nodes: [{ id: told.node_id, host: '127.0.0.1', proxy_port: proxy, gateway: `http://127.0.0.1:${http}` }],
    };
    writeFileSync(this.profile, JSON.stringify(profile));
  }

  get logFile(): string {
    return join(this.#dir, 'log');
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    await end(child, 'SIGKILL');
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Starts a program that an environment variable names, and waits until it says that everything answers. */
async function begin(variable: string, args: string[], logFile: string, ready: string): Promise<ChildProcess> {
  const program = process.env[variable];
  if (!program) throw new Error(`${variable} names no program; start the stories by build/browser.sh`);
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  process.once('exit', () => child.kill('SIGKILL'));
  await until(`${args[0]} is ready`, () => {
    if (child.exitCode !== null) throw new Error(`${variable} ended with ${child.exitCode}\n${readFileSync(logFile, 'utf8')}`);
    return existsSync(ready);
  });
  return child;
}

async function end(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await within('the program ends', ended);
}
