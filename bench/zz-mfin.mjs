import { createRequire } from 'node:module';
import { aStage } from './site-of.mjs';
import OAuth2Strategy from 'passport-oauth2';
const require=createRequire(import.meta.url);
const { MastodonStrategy } = require('../dist/index.js');
const origin='http://localhost:4000';
// answer discovery from a fake instance
import { createServer } from 'node:http';
const stage = await aStage();
const o = `http://localhost:${stage.httpPort}`;
const ours = new MastodonStrategy({clientName:'B',callbackURL:'http://localhost:3000/auth/callback',developmentInstances:[o]},async(a,b,p)=>p);
const plain = new OAuth2Strategy({authorizationURL:o+'/oauth/authorize',tokenURL:o+'/oauth/token',clientID:'x',clientSecret:'y',callbackURL:'http://localhost:3000/auth/callback',scope:'profile',state:true,pkce:true},(a,b,p,d)=>d(null,p));

const host=new URL(o).host;
const { Network } = require('../dist/net/network.js');
const acct=await (await fetch(o+'/api/v1/accounts/verify_credentials',{headers:{authorization:'Bearer x'}})).text();
let stub=false; const g=Network.prototype.get,p0=Network.prototype.post;
Network.prototype.get=function(t,...a){ return stub? Promise.resolve({status:200,url:new URL(t),contentType:'application/json',headers:{},text:acct}):g.call(this,t,...a)};
const tok=JSON.stringify({access_token:'x'.repeat(43),token_type:'Bearer',scope:'profile',created_at:1});
Network.prototype.post=function(t,f){ return stub? Promise.resolve({status:200,url:new URL(t),contentType:'application/json',headers:{},text:tok}):p0.call(this,t,f)};
plain._oauth2.getOAuthAccessToken=(c,pr,cb)=>setImmediate(()=>{const r=JSON.parse(tok);cb(null,r.access_token,undefined,r)});
plain.userProfile=(t,done)=>setImmediate(()=>done(null,{provider:'plain',...JSON.parse(acct)}));
const mk=(url,query,session)=>({url,originalUrl:url,method:'GET',headers:{host:'localhost:3000'},session,query,connection:{},socket:{},app:{get(){}}});
const call=(strategy,req)=>new Promise((res,rej)=>{ const s=Object.create(strategy); s.redirect=res; s.fail=(c)=>rej(JSON.stringify(c)+c.cause); s.error=rej; s.success=(u)=>res(u); s.authenticate(req,{}); });
async function round(strategy,url,query,cb,n){ const list=[]; const c0=process.cpuUsage(); for(let i=0;i<n;i++){ const session={cookie:{}}; const loc=await call(strategy,mk(url,query,session)); list.push([session,loc]); } const c1=process.cpuUsage(c0); const m=process.cpuUsage();
 for(const [session,loc] of list){ const q=new URL(loc).searchParams; const st=q.get('state'); const code=Buffer.from(JSON.stringify(['client_id','redirect_uri','code_challenge'].map(n=>q.get(n)))).toString('base64url'); await call(strategy,mk(cb+'?code='+code+'&state='+st,{code,state:st},session)); } const f=process.cpuUsage(m); return [(c1.user+c1.system)/n,(f.user+f.system)/n]; }
await round(ours,'/auth?instance='+host,{instance:host},'/auth/callback/'+encodeURIComponent(host),20); stub=true;
const fo=(n)=>round(ours,'/auth?instance='+host,{instance:host},'/auth/callback/'+encodeURIComponent(host),n), fp=(n)=>round(plain,'/auth',{},'/auth/callback',n);
if(process.env.ONLY){ for(let i=0;i<10;i++) await fo(3000); await stage.close(); process.exit(); }
await fo(4000); await fp(4000);
const R=[];for(let i=0;i<7;i++){ const a=await fo(2000), b=await fp(2000); R.push([...a,...b,a[1]/b[1]]); }
R.sort((x,y)=>x[4]-y[4]); console.log(R.map(r=>r.map(x=>x.toFixed(2)).join(' ')).join('\n'));
await stage.close(); process.exit();
