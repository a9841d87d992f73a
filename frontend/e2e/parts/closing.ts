import { writeFileSync } from 'node:fs';
import type { TestCase, TestModule } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';
import { notReached } from './stage';

/** The last lines of a run: why it failed, where the reader of a long log looks first, and the count. */
export default class Closing implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    const why: string[] = [];
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') {
          passed++;
          continue;
        }
        // What did not run did not pass.
        failed++;
        why.push(...reasons(test));
      }
    }
    if (failed > 0 || passed === 0) process.exitCode = 1;
    // build/browser.sh asks which stories to play again.
    const again = modules.filter((m) => !m.ok()).map((m) => m.relativeModuleId);
    if (process.env.AGAIN) writeFileSync(process.env.AGAIN, again.join('\n'));
    process.on('exit', () => console.log([...why, `${passed} passed, ${failed} failed`].join('\n')));
  }
}

function reasons(test: TestCase): string[] {
  const errors = test.result().errors ?? [];
  return errors.filter((e) => !e.message.startsWith(notReached)).map((e) => `${test.fullName}\n${e.stack ?? e.message}`);
}
