/** Loaded before every site: tells the parent process where the site listens, and ends with it. */

const { Server } = require('node:net');

const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  this.once('listening', () => process.send?.(this.address()));
  return listen.apply(this, args);
};
process.on('disconnect', () => process.exit());
