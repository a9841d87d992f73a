import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './until';

interface Ready {
  url: string;
  gateway_url: string | null;
  claim_code: string | null;
  pid: number;
}

/** A node on this machine: pc2d with a data directory of its own. */
export class Pc2 {
  url = '';
  claim: string | null = null;
  /** The address that the world knows. */
  gateway: string | null = null;
  readonly #dir = mkdtempSync(join(tmpdir(), 'pc2-node-'));
  #process: ChildProcess | null = null;

  private constructor(private readonly name: string) {}

  static async start(name = ''): Promise<Pc2> {
    const pc2 = new Pc2(name);
    await pc2.start('127.0.0.1:0');
    return pc2;
  }

  /** After kill9: the same data at the same address. */
  async again(): Promise<void> {
    await this.start(new URL(this.url).host);
  }

  async start(listen: string): Promise<void> {
    const program = process.env.PC2D;
    if (!program) throw new Error('PC2D names no program; start the stories by build/browser.sh');
    const ready = join(this.#dir, 'ready.json');
    rmSync(ready, { force: true });
    const log = openSync(this.logFile, 'a');
    const child = spawn(program, ['serve', '--data', this.data, '--listen', listen, '--profile', 'local', ...(this.name ? ['--name', this.name] : []), '--ready-file', ready], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#process = child;
    process.once('exit', () => child.kill('SIGKILL'));
    await until('the node is ready', () => {
      if (child.exitCode !== null) throw new Error(`pc2d ended with ${child.exitCode}\n${this.log()}`);
      return existsSync(ready);
    });
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
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await within('the node ends', ended);
  }
}
