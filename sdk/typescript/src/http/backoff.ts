/** How long to wait before asking a lost server again: 100 ms, doubling up to 5 s, less a random half. */

const FIRST_MS = 100;
const LAST_MS = 5_000;

export class Backoff {
  private ceilingMs = FIRST_MS;

  nextMs(): number {
    const fullMs = this.ceilingMs;
    this.ceilingMs = Math.min(2 * fullMs, LAST_MS);
    return fullMs - Math.random() * (fullMs / 2);
  }

  reset(): void {
    this.ceilingMs = FIRST_MS;
  }
}
