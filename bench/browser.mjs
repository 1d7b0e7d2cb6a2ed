/** A minimal browser for a login: pages, and cookies, each for its path. */

export class Browser {
  /** By name and path. */
  cookies = new Map();

  /** @param count is called for every request */
  constructor(pool, count) {
    Object.assign(this, { pool, count });
  }

  get(path, headers = {}) {
    return this.request({ method: 'GET', path, headers });
  }

  post(path, form, headers = {}) {
    const body = String(new URLSearchParams(form));
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.request({ method: 'POST', path, headers: { ...type, ...headers }, body });
  }

  async request({ headers: given, ...request }) {
    this.count();
    const { path } = request;
    const cookies = [...this.cookies.values()].filter((one) => path.startsWith(one.path));
    const cookie = cookies.map(({ pair }) => pair).join('; ');
    const { statusCode, headers, body } = await this.pool.request({
      ...request,
      headers: cookie === '' ? given : { ...given, cookie },
    });
    const text = await body.text();
    if (statusCode >= 400) throw new Error(`${path} was answered with ${statusCode}: ${text}`);
    for (const line of [headers['set-cookie'] ?? []].flat()) this.keep(line);
    return { path, location: headers.location, text };
  }

  keep(line) {
    const [pair] = line.split(';', 1);
    const [, path] = /; ?path=([^;]+)/i.exec(line);
    const key = `${pair.slice(0, pair.indexOf('='))} ${path}`;
    if (/; ?expires=[^;]+ 1970 /i.test(line)) this.cookies.delete(key);
    else this.cookies.set(key, { pair, path });
  }
}
