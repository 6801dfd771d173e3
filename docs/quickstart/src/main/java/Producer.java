import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

public class Producer {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("quickstart-producer");
        producer.setNamesrvAddr("127.0.0.1:9876");
        producer.start();
        for (int i = 0; i < 5; i++) {
            SendResult result = producer.send(new Message("QuickStart", "TagA", ("hello " + i).getBytes("UTF-8")));
            System.out.println(result.getSendStatus() + " queue " + result.getMessageQueue().getQueueId() + " offset " + result.getQueueOffset());
        }
        producer.shutdown();
    }
}
