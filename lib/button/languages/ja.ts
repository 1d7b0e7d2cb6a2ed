/** Japanese. */

import type { Language } from '../language.js';

export const ja: Language = {
  words: {
    label: 'サーバーまたはハンドル',
    example: '例: mastodon.social または @you@mastodon.social',
    button: 'Mastodonでログイン',
    continue: '%s で続ける',
    destination: '%s で確認します。',
    remembered: '前回使ったサーバーです。',
    forget: 'このサーバーを忘れる',
    forgotten: 'サーバーの記憶を消去しました。',
    busy: '%s に移動しています…',
    slow: '%s の応答に時間がかかっています。引き続き試しています…',
    servers: 'サーバー',
    noAccount: 'アカウントをお持ちでないですか？',
    join: 'サーバーを探す',
  },
  messages: {
    instance_missing:
      'サーバーが入力されていません。アカウントのあるサーバーを入力してください。例: mastodon.social',
    instance_invalid:
      'サーバーのアドレスではありません。mastodon.social や @you@mastodon.social のように入力してください。',
    instance_not_allowed:
      'このサイトでは、サーバー %s のアカウントでログインできません。別のサーバーのアカウントをお使いください。',
    instance_unreachable:
      'サーバー %s に接続できませんでした。アドレスを確認するか、しばらくしてからもう一度お試しください。',
    instance_unsupported: 'アドレス %s には、Mastodon APIでログインできるサーバーが見つかりませんでした。',
    instance_insecure:
      'サーバー %s のログインは安全ではありません。ユーザーを確実に識別できないためです。サーバーの管理者にお問い合わせください。',
    instance_blocked:
      'サーバー %s はボット対策で保護されているため、こちらから接続できません。サーバーの管理者がこのサイトを許可できます。',
    registration_refused:
      'サーバー %s はこのサイトを受け入れませんでした。サーバーの管理者にご相談ください。',
    registration_throttled:
      'サーバー %s は現在、新しいサイトを受け付けていません。数分後にもう一度お試しください。',
    scope_refused:
      'このサイトは、サーバー %s が許可するより多くの権限を求めています。このサイトの管理者にお問い合わせください。',
    cross_site_start:
      'このログインがこのサイトで始められたことを、ブラウザーが確認していません。ここから始めてください。',
    login_expired:
      'このログインは期限切れか、使用済みか、別のブラウザーで始められたものです。もう一度ログインしてください。',
    login_mismatch: 'この応答は、ここで始めたログインのものではありません。もう一度ログインしてください。',
    access_denied:
      'サーバー %s でログインがキャンセルされました。誤ってキャンセルした場合は、もう一度ログインしてください。',
    login_restart:
      'サーバー %s にこのサイトの登録が残っていませんでした。登録し直しますので、もう一度ログインしてください。',
    token_refused: 'サーバー %s はログインを完了しませんでした。もう一度ログインしてください。',
    account_unusable:
      'サーバー %s はこのアカウントのログインを許可していません。無効化、引っ越し、未確認、またはサーバーが必須とする二要素認証が未設定の可能性があります。',
    response_invalid:
      'サーバー %s からの応答を読み取れませんでした。サーバーの管理者にお問い合わせください。',
    timeout: 'サーバー %s の応答に時間がかかりすぎました。しばらくしてからもう一度お試しください。',
    login_busy: '現在、こちらでのログインが混み合っています。しばらくしてからもう一度お試しください。',
    revocation_unsupported:
      'サーバー %s では、個々のログインをここから終了できません。サーバーのアカウント設定で終了できます。',
    store_failed: 'こちらでログインを保存できませんでした。しばらくしてからもう一度お試しください。',
  },
  reasons: {
    name_without_dot:
      'サーバーのアドレスが途中までしか入力されていません。mastodon.social のように、ドットを含むアドレスを入力してください。',
    user_without_server:
      'ユーザー名だけで、サーバーがありません。@you@mastodon.social のように両方を入力するか、サーバーだけを入力してください。',
    email_address: 'これはメールアドレスです。サーバーとは、アカウントを登録したウェブサイトのことです。',
    certificate:
      'サーバー %s の証明書が有効でないため、安全に接続できません。サーバーの管理者による修正が必要です。',
    server_error: 'サーバー %s で問題が発生しています。数分後にもう一度お試しください。',
  },
};
