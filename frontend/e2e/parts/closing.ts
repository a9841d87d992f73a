import type { TestModule } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';

/** The last line of a run. What did not run did not pass. */
export default class Closing implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++;
        else failed++;
      }
    }
    if (failed > 0 || passed === 0) process.exitCode = 1;
    process.on('exit', () => console.log(`${passed} passed, ${failed} failed`));
  }
}
