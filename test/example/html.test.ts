/** The templates of the example escape text. */

type Template = (strings: TemplateStringsArray, ...values: unknown[]) => { text: string };
const { html, webAddress } = require('../../example/html.js') as {
  html: Template;
  webAddress: (url: unknown) => string | undefined;
};

it('escapes text in content and in attributes', () => {
  const hostile = `<b title='x' class="y">&\``;
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
    '<p title="&lt;b title=&#39;x&#39; class=&quot;y&quot;&gt;&amp;&#96;">' +
      '&lt;b title=&#39;x&#39; class=&quot;y&quot;&gt;&amp;&#96;</p>',
  );
});

it('leaves HTML of other templates as it is, and nothing else', () => {
  expect(html`<p>${['a', '<'].map((item) => html`<b>${item}</b>`)}</p>`.text).toBe(
    '<p><b>a</b><b>&lt;</b></p>',
  );
  expect(html`${{ text: '<b>' }}${{ toString: () => '<i>' }}${['<u>']}`.text).toBe(
    '[object Object]&lt;i&gt;&lt;u&gt;',
  );
});

it('shows nothing for missing values, and zero as zero', () => {
  expect(html`[${undefined}${null}${false}${''}${0}]`.text).toBe('[0]');
});

it('takes only web addresses for links', () => {
  expect(webAddress('https://example.com/@a')).toBe('https://example.com/@a');
  for (const url of [
    'javascript:alert(1)',
    ' https://example.com',
    'data:text/html,x',
    '//example.com',
    'http://',
    7,
  ]) {
    expect(webAddress(url)).toBeUndefined();
  }
});
