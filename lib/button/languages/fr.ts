/** French. */

import type { Language } from '../language.js';

export const fr: Language = {
  words: {
    label: 'Votre serveur ou identifiant',
    example: 'Par exemple mastodon.social ou @vous@mastodon.social',
    button: 'Se connecter avec Mastodon',
    continue: 'Continuer avec %s',
    destination: 'Vous confirmerez sur %s.',
    remembered: 'Votre serveur de la dernière fois.',
    forget: 'Oublier ce serveur',
    forgotten: 'Serveur oublié.',
    busy: 'Ouverture de %s…',
    slow: '%s met du temps à répondre. Nous essayons toujours…',
    servers: 'Serveurs',
    noAccount: 'Pas encore de compte\u00a0?',
    join: 'Trouver un serveur',
  },
  messages: {
    instance_missing: 'Aucun serveur n’a été saisi. Saisissez votre serveur, par exemple mastodon.social.',
    instance_invalid:
      'Ce n’est pas l’adresse d’un serveur. Saisissez par exemple mastodon.social ou @vous@mastodon.social.',
    instance_not_allowed:
      'Ce site n’accepte pas les comptes du serveur %s. Utilisez un compte sur un autre serveur.',
    instance_unreachable: 'Le serveur %s est injoignable. Vérifiez l’adresse ou réessayez dans un instant.',
    instance_unsupported:
      'Nous n’avons pas trouvé à l’adresse %s de serveur qui propose une connexion par l’API Mastodon.',
    instance_insecure:
      'La connexion du serveur %s n’est pas sûre\u00a0: elle n’identifie pas l’utilisateur de façon fiable. Son administration peut aider.',
    instance_blocked:
      'Le serveur %s est protégé par un contrôle anti-robots, nous ne pouvons donc pas le contacter. Son administration peut autoriser ce site.',
    registration_refused: 'Le serveur %s n’a pas accepté ce site. Son administration peut aider.',
    registration_throttled:
      'Le serveur %s n’accepte pas de nouveaux sites pour le moment. Réessayez dans quelques minutes.',
    scope_refused:
      'Ce site demande plus d’autorisations que le serveur %s n’en accorde. Les responsables de ce site peuvent aider.',
    cross_site_start:
      'Votre navigateur n’a pas confirmé que vous avez lancé cette connexion sur ce site. Veuillez la lancer ici.',
    login_expired:
      'Cette connexion a expiré, a déjà servi ou a été commencée dans un autre navigateur. Veuillez vous reconnecter.',
    login_mismatch: 'La réponse ne correspond pas à la connexion commencée ici. Veuillez vous reconnecter.',
    access_denied:
      'La connexion au serveur %s a été annulée. Si c’était une erreur, veuillez vous reconnecter.',
    login_restart:
      'Le serveur %s ne connaît plus ce site. Nous allons l’enregistrer à nouveau\u00a0: veuillez vous reconnecter.',
    token_refused: 'Le serveur %s n’a pas terminé la connexion. Veuillez vous reconnecter.',
    account_unusable:
      'Le serveur %s n’autorise pas ce compte à se connecter. Il est peut-être désactivé, déplacé, pas encore confirmé, ou sans l’authentification à deux facteurs qu’exige le serveur.',
    response_invalid:
      'Le serveur %s a envoyé une réponse que nous ne pouvons pas lire. Son administration peut aider.',
    timeout: 'Le serveur %s a mis trop de temps à répondre. Veuillez réessayer dans un instant.',
    login_busy: 'Trop de connexions sont en cours ici en ce moment. Veuillez réessayer dans un instant.',
    revocation_unsupported:
      'Le serveur %s ne permet pas de mettre fin d’ici à une seule connexion. Cela se fait là-bas, dans les paramètres du compte.',
    store_failed:
      'La connexion n’a pas pu être enregistrée de notre côté. Veuillez réessayer dans un instant.',
  },
  reasons: {
    name_without_dot:
      'Ce n’est pas l’adresse complète d’un serveur. Elle contient un point, comme dans mastodon.social.',
    user_without_server:
      'C’est un nom d’utilisateur sans son serveur. Saisissez les deux, comme dans @vous@mastodon.social, ou seulement le serveur.',
    email_address: 'C’est une adresse e-mail. Votre serveur est le site web où vous avez créé votre compte.',
    certificate:
      'Le certificat du serveur %s n’est pas valide : nous ne pouvons pas nous y connecter en toute sécurité. Son administrateur doit le corriger.',
    server_error: 'Le serveur %s rencontre un problème en ce moment. Réessayez dans quelques minutes.',
  },
};
