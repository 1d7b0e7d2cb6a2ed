/** Chinese, in simplified characters. */

import type { Language } from '../language.js';

export const zh: Language = {
  words: {
    label: '你的服务器或用户名',
    example: '例如 mastodon.social 或 @you@mastodon.social',
    button: '使用 Mastodon 登录',
    continue: '使用 %s 继续',
    destination: '将在 %s 上确认。',
    remembered: '你上次使用的服务器。',
    forget: '忘记此服务器',
    forgotten: '已忘记此服务器。',
    busy: '正在前往 %s……',
    slow: '%s 响应较慢，仍在尝试……',
    servers: '服务器',
    noAccount: '还没有账号？',
    join: '找一个服务器',
  },
  messages: {
    instance_missing: '尚未输入服务器。请输入你的服务器，例如 mastodon.social。',
    instance_invalid: '这不是服务器地址。请输入类似 mastodon.social 或 @you@mastodon.social 的内容。',
    instance_not_allowed: '本站不能使用服务器 %s 的账号登录。请使用其他服务器的账号。',
    instance_unreachable: '无法连接服务器 %s。请检查地址，或稍后再试。',
    instance_unsupported: '在地址 %s 没有找到支持通过 Mastodon API 登录的服务器。',
    instance_insecure: '服务器 %s 的登录不安全：它无法可靠地确认用户身份。请联系其管理员。',
    instance_blocked: '服务器 %s 启用了机器人验证，因此我们无法与它连接。其管理员可以放行本站。',
    registration_refused: '服务器 %s 没有接受本站。请联系其管理员。',
    registration_throttled: '服务器 %s 目前不接受新的网站。请过几分钟再试。',
    scope_refused: '本站请求的权限超出了服务器 %s 所授予的范围。请联系本站的管理员。',
    cross_site_start: '你的浏览器没有确认此登录是你在本网站发起的。请在这里开始登录。',
    login_expired: '此次登录已过期、已被使用，或是在另一个浏览器中开始的。请重新登录。',
    login_mismatch: '这个回应不属于在这里开始的登录。请重新登录。',
    access_denied: '在服务器 %s 上的登录已取消。如果这是误操作，请重新登录。',
    login_restart: '服务器 %s 已不记得本站。我们会重新登记：请再登录一次。',
    token_refused: '服务器 %s 没有完成登录。请重新登录。',
    account_unusable:
      '服务器 %s 不允许此账号登录。它可能已被停用、迁移、尚未确认，或未启用服务器要求的双重验证。',
    response_invalid: '我们无法读取服务器 %s 发送的响应。请联系其管理员。',
    timeout: '服务器 %s 响应时间过长。请稍后再试。',
    login_busy: '目前这里正在进行的登录过多。请稍后再试。',
    revocation_unsupported: '服务器 %s 不支持从这里结束单次登录。可以在该服务器的账号设置中结束。',
    store_failed: '我们这边无法保存此次登录。请稍后再试。',
  },
  reasons: {
    name_without_dot: '这不是完整的服务器地址。完整的地址含有一个点，例如 mastodon.social。',
    user_without_server:
      '这个用户名缺少服务器。请输入完整的账号，例如 @you@mastodon.social，或者只输入服务器。',
    email_address: '这是电子邮件地址。你的服务器是你注册账号的那个网站。',
    certificate: '服务器 %s 的证书无效，因此我们无法安全连接。需要由该服务器的管理员修复。',
    server_error: '服务器 %s 目前出现问题。请几分钟后再试。',
  },
};
