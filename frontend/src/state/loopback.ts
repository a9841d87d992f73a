/** Served by the PC that the browser runs on, without a gateway between (alice.localhost has one). */
export function onLoopback(host: string = location.hostname): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
