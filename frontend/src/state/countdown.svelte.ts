/** Seconds that go by. By the clock, so that a PC that slept does not go on where it stopped. */
export class Countdown {
  left = $state(0);
  #end = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  start(seconds: number, over: () => void): void {
    this.stop();
    this.#end = Date.now() + seconds * 1000;
    const look = () => {
      this.left = Math.max(0, Math.ceil((this.#end - Date.now()) / 1000));
      if (this.left > 0) return;
      this.stop();
      over();
    };
    this.#timer = setInterval(look, 500);
    this.left = Math.ceil(seconds);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
