/** Put before every site: tells whoever started it where it listens, and ends with them. */

const { Server } = require('node:net');

const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  this.once('listening', () => process.send?.(this.address()));
  return listen.apply(this, args);
};
process.on('disconnect', () => process.exit());
