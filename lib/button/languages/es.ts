/** Spanish. */

import type { Language } from '../language.js';

export const es: Language = {
  words: {
    label: 'Tu servidor o usuario',
    example: 'Por ejemplo, mastodon.social o @tú@mastodon.social',
    button: 'Iniciar sesión con Mastodon',
    continue: 'Continuar con %s',
    destination: 'Confirmarás en %s.',
    remembered: 'Tu servidor de la última vez.',
    forget: 'Olvidar este servidor',
    forgotten: 'Servidor olvidado.',
    busy: 'Yendo a %s…',
    slow: '%s tarda en responder. Seguimos intentándolo…',
    servers: 'Servidores',
    noAccount: '¿Aún no tienes cuenta?',
    join: 'Encuentra un servidor',
  },
  messages: {
    instance_missing: 'No se ha indicado ningún servidor. Escribe tu servidor, por ejemplo mastodon.social.',
    instance_invalid:
      'Esa no es la dirección de un servidor. Escribe algo como mastodon.social o @tú@mastodon.social.',
    instance_not_allowed:
      'En este sitio no se puede iniciar sesión con cuentas del servidor %s. Usa una cuenta de otro servidor.',
    instance_unreachable:
      'No pudimos conectar con el servidor %s. Revisa la dirección o inténtalo de nuevo en un momento.',
    instance_unsupported:
      'No encontramos en la dirección %s ningún servidor que permita iniciar sesión con la API de Mastodon.',
    instance_insecure:
      'El inicio de sesión del servidor %s no es seguro: no identifica al usuario de forma fiable. Quien lo administra puede ayudar.',
    instance_blocked:
      'El servidor %s está detrás de un control antibots, así que no podemos contactar con él. Quien lo administra puede permitir este sitio.',
    registration_refused: 'El servidor %s no ha aceptado este sitio. Quien lo administra puede ayudar.',
    registration_throttled:
      'El servidor %s no acepta sitios nuevos en este momento. Inténtalo de nuevo en unos minutos.',
    scope_refused:
      'Este sitio pide más permisos de los que concede el servidor %s. Quienes llevan este sitio pueden ayudar.',
    cross_site_start:
      'Tu navegador no ha confirmado que empezaras este inicio de sesión en este sitio. Empiézalo aquí.',
    login_expired:
      'Este inicio de sesión ha caducado, ya se usó o se empezó en otro navegador. Vuelve a iniciar sesión.',
    login_mismatch:
      'La respuesta no corresponde al inicio de sesión que se empezó aquí. Vuelve a iniciar sesión.',
    access_denied:
      'Se canceló el inicio de sesión en el servidor %s. Si fue un error, vuelve a iniciar sesión.',
    login_restart:
      'El servidor %s ya no conoce este sitio. Lo registraremos de nuevo: vuelve a iniciar sesión.',
    token_refused: 'El servidor %s no completó el inicio de sesión. Vuelve a iniciar sesión.',
    account_unusable:
      'El servidor %s no permite iniciar sesión con esta cuenta. Puede que esté desactivada, trasladada, sin confirmar o sin la verificación en dos pasos que exige el servidor.',
    response_invalid:
      'El servidor %s envió una respuesta que no podemos leer. Quien lo administra puede ayudar.',
    timeout: 'El servidor %s tardó demasiado en responder. Inténtalo de nuevo en un momento.',
    login_busy: 'Hay demasiados inicios de sesión en curso aquí. Inténtalo de nuevo en un momento.',
    revocation_unsupported:
      'El servidor %s no permite cerrar desde aquí una sola sesión. Se puede cerrar allí, en la configuración de la cuenta.',
    store_failed:
      'No pudimos guardar el inicio de sesión por nuestra parte. Inténtalo de nuevo en un momento.',
  },
  reasons: {
    name_without_dot:
      'Esa no es la dirección completa de un servidor. Contiene un punto, como en mastodon.social.',
    user_without_server:
      'Ese es un nombre de usuario sin su servidor. Escribe ambos, como en @tú@mastodon.social, o solo el servidor.',
    email_address:
      'Esa es una dirección de correo electrónico. Tu servidor es el sitio web donde creaste tu cuenta.',
    certificate:
      'El certificado del servidor %s no es válido, así que no podemos conectarnos de forma segura. Quien lo administra debe corregirlo.',
    server_error: 'El servidor %s tiene un problema en este momento. Vuelve a intentarlo en unos minutos.',
  },
};
