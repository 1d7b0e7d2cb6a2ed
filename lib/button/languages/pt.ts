/** Portuguese, worded to suit Brazil and Portugal. */

import type { Language } from '../language.js';

export const pt: Language = {
  words: {
    label: 'Seu servidor ou nome de usuário',
    example: 'Por exemplo, mastodon.social ou @nome@mastodon.social',
    button: 'Entrar com Mastodon',
    continue: 'Continuar com %s',
    destination: 'A confirmação é feita em %s.',
    remembered: 'Seu servidor da última vez.',
    forget: 'Esquecer este servidor',
    forgotten: 'Servidor esquecido.',
    busy: 'Indo para %s…',
    slow: '%s está demorando. Continuamos tentando…',
    servers: 'Servidores',
    noAccount: 'Ainda não tem conta?',
    join: 'Encontre um servidor',
  },
  messages: {
    instance_missing: 'Nenhum servidor foi informado. Digite seu servidor, por exemplo mastodon.social.',
    instance_invalid:
      'Esse não é o endereço de um servidor. Digite algo como mastodon.social ou @nome@mastodon.social.',
    instance_not_allowed:
      'Não é possível entrar neste site com contas do servidor %s. Use uma conta em outro servidor.',
    instance_unreachable:
      'Não conseguimos contato com o servidor %s. Confira o endereço ou tente novamente daqui a pouco.',
    instance_unsupported:
      'Não encontramos no endereço %s um servidor que permita entrar com a API do Mastodon.',
    instance_insecure:
      'A entrada pelo servidor %s não é segura: ela não identifica o usuário de forma confiável. Quem o administra pode ajudar.',
    instance_blocked:
      'O servidor %s está atrás de uma verificação contra robôs, por isso não conseguimos contatá-lo. Quem o administra pode liberar este site.',
    registration_refused: 'O servidor %s não aceitou este site. Quem o administra pode ajudar.',
    registration_throttled:
      'O servidor %s não está aceitando novos sites agora. Tente novamente em alguns minutos.',
    scope_refused:
      'Este site pede mais permissões do que o servidor %s concede. As pessoas que mantêm este site podem ajudar.',
    cross_site_start:
      'Seu navegador não confirmou que este pedido de entrada começou neste site. Comece-o aqui.',
    login_expired:
      'Este pedido de entrada expirou, já foi usado ou foi iniciado em outro navegador. Entre novamente.',
    login_mismatch: 'A resposta não pertence ao pedido de entrada iniciado aqui. Entre novamente.',
    access_denied: 'A entrada pelo servidor %s foi cancelada. Se foi um engano, entre novamente.',
    login_restart: 'O servidor %s não conhece mais este site. Vamos registrá-lo de novo: entre mais uma vez.',
    token_refused: 'O servidor %s não concluiu a entrada. Entre novamente.',
    account_unusable:
      'O servidor %s não permite que esta conta entre. Ela pode estar desativada, transferida, ainda não confirmada ou sem a autenticação de dois fatores que o servidor exige.',
    response_invalid:
      'O servidor %s enviou uma resposta que não conseguimos ler. Quem o administra pode ajudar.',
    timeout: 'O servidor %s demorou demais para responder. Tente novamente daqui a pouco.',
    login_busy: 'Há pedidos de entrada demais em andamento aqui. Tente novamente daqui a pouco.',
    revocation_unsupported:
      'O servidor %s não permite encerrar daqui uma única entrada. Isso pode ser feito lá, nas configurações da conta.',
    store_failed: 'Não foi possível guardar a entrada do nosso lado. Tente novamente daqui a pouco.',
  },
  reasons: {
    name_without_dot:
      'Esse não é o endereço completo de um servidor. Ele contém um ponto, como em mastodon.social.',
    user_without_server:
      'Esse é um nome de usuário sem o servidor. Digite os dois, como em @nome@mastodon.social, ou só o servidor.',
    email_address: 'Esse é um endereço de e-mail. Seu servidor é o site em que você criou sua conta.',
    certificate:
      'O certificado do servidor %s não é válido, por isso não conseguimos uma ligação segura. Quem o administra tem de o corrigir.',
    server_error: 'O servidor %s está com um problema neste momento. Tente de novo dentro de alguns minutos.',
  },
};
