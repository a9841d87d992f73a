// A page's socket, driven by a Go test: the real socket.io-client.
//
//   node live.cjs FRONTEND  ← {"url","options"} on the first line of stdin
//
// It prints a line for all that happens, and takes further lines as orders:
// {"emit":[name,…]}, {"transport":true}, {"cut":true}, {"connect":true}, {"close":true}.
const { createRequire } = require('node:module');
const readline = require('node:readline');

const { io } = createRequire(process.argv[2] + '/package.json')('socket.io-client');
const print = (kind, data) => process.stdout.write(JSON.stringify({ kind, data }) + '\n');
let socket;

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.url) open(order);
  if (order.emit) socket.emit(...order.emit);
  if (order.transport) print('transport', socket.io.engine.transport.name);
  if (order.cut) socket.io.engine.close(); // as when the network goes; it does not come back by itself
  if (order.auth) socket.auth = order.auth;
  if (order.connect) socket.connect();
  if (order.close) socket.close();
}).on('close', () => process.exit(0));

function open({ url, options }) {
  socket = io(url, { forceNew: true, ...options });
  socket.on('connect', () => print('connect', socket.id));
  socket.on('connect_error', (e) => print('connect_error', { message: e.message, data: e.data ?? null }));
  socket.on('disconnect', (reason) => print('disconnect', reason));
  socket.io.engine.on('upgrade', (t) => print('upgrade', t.name));
  socket.onAny((name, payload) => print('event', { name, payload }));
}
